"""Long lists in pages, with the numbers that lead to them."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator


class NumberedPage(Page):
    @property
    def numbers(self) -> list[tuple[str, bool]]:
        """The pages to go to, each with whether it is this one; where some are left out, an empty text."""
        paginator = self.paginator
        shown = paginator.get_elided_page_range(self.number, on_each_side=2, on_ends=1)
        return [(str(n) if isinstance(n, int) else "", n == self.number) for n in shown]


class Pages(Paginator):
    def _get_page(self, *args: Any, **kwargs: Any) -> NumberedPage:
        return NumberedPage(*args, **kwargs)
