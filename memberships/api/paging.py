"""Long lists come in pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet

from .shapes import Page, Paging


def paged[M: Model, P: Page](
    shape: Callable[..., P], rows: QuerySet[M], query: Paging, shown: Callable[[M], object], **more: Any
) -> P:
    """The page asked for, each row as it is `shown`; empty after the last one. `more` is what else the page tells."""
    found = Paginator(rows, query.per_page)
    there = query.page <= found.num_pages
    items = [shown(row) for row in found.page(query.page).object_list] if there else []
    return shape(page=query.page, pages=found.num_pages, total=found.count, items=items, **more)
