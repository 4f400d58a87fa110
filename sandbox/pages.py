"""HTML for the few pages people see here: one frame, one style, everything escaped."""

import re
from collections.abc import Iterable, Mapping
from html import escape

from sandbox.messages import HTML, Response

STYLE = """
:root { color-scheme: light dark; --line: #d5d9e0; --quiet: #5b6472; --accent: #1f5fd0; --ground: #f6f7f9;
  --paper: #fff; --ink: #16191f; --bad: #a8201a; --bad-ground: #fdeceb; }
@media (prefers-color-scheme: dark) { :root { --line: #3a404b; --quiet: #a4adbb; --accent: #82b0ff;
  --ground: #14171c; --paper: #1d2128; --ink: #e8ebf0; --bad: #ffaaa3; --bad-ground: #3c1d1b; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: var(--ground); color: var(--ink); }
main { max-width: 42rem; margin: 3rem auto; padding: 0 1rem; }
main.narrow { max-width: 32rem; }
.paper { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.5rem;
  margin-bottom: 1rem; }
.ribbon { font-size: .85rem; color: var(--quiet); border-left: 3px solid var(--accent); padding-left: .6rem; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: .6rem 0; } h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
label { display: block; font-weight: 600; margin: .7rem 0 .2rem; }
label.check { display: flex; gap: .5rem; font-weight: 400; align-items: baseline; overflow-wrap: anywhere; }
select, input:not([type=checkbox]) { font: inherit; width: 100%; padding: .45rem .55rem; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
.row { display: flex; gap: .75rem; flex-wrap: wrap; align-items: end; } .row > * { flex: 1 1 9rem; }
button { font: inherit; font-weight: 600; padding: .5rem 1rem; border-radius: 6px; cursor: pointer;
  border: 1px solid var(--line); background: var(--paper); color: inherit; }
button.first { background: var(--accent); border-color: var(--accent); color: var(--paper); }
.buttons { display: flex; gap: .6rem; margin-top: 1.2rem; } .buttons button { flex: 1; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { color: var(--bad); background: var(--bad-ground); border-radius: 6px; padding: .6rem .8rem; }
.note { color: var(--quiet); } table { width: 100%; border-collapse: collapse; }
td, th { text-align: left; padding: .3rem .5rem .3rem 0; border-bottom: 1px solid var(--line); }
"""

RIBBON = "Rehearsal Close. Everybody here is made up: no real data, and nothing leaves this computer."


def page(title: str, content: str, *, status: int = 200, narrow: bool = False) -> Response:
    """`content` is HTML, already escaped."""
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} – Rehearsal Close</title><style>{STYLE}</style></head>
<body><main{' class="narrow"' if narrow else ""}>
<p class="ribbon">{RIBBON}</p>
{content}
</main></body></html>
"""
    headers = {
        # Nothing but the page's own style; a form may lead anywhere, as the consent must.
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return Response(status, html.encode(), HTML, headers)


def form(title: str, fields: str, buttons: Mapping[str, str], *, action: str = "") -> str:
    """A paper of its own. Each button posts its key as `do`; ids begin with the first key."""
    # The same field may stand in two forms of a page, but an id only once.
    prefix = next(iter(buttons))
    unique = re.sub(r'\b(id|for)="', rf'\1="{prefix}-', fields)
    row_of_buttons = "".join(
        f'<button name="do" value="{escape(key)}">{escape(text)}</button>' for key, text in buttons.items()
    )
    return (
        f'<form class="paper" method="post" action="{escape(action)}"><h2>{escape(title)}</h2>{unique}'
        f'<div class="buttons">{row_of_buttons}</div></form>'
    )


def row(*fields: str) -> str:
    return f'<div class="row">{"".join(fields)}</div>'


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def hidden(values: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values.items()
    )


def select(
    name: str,
    label: str,
    options: Iterable[tuple[str, str]],
    *,
    chosen: str | None = None,
    described_by: str = "",
) -> str:
    """A labelled select of (value, text)."""
    items = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options
    )
    description = f' aria-describedby="{described_by}" aria-invalid="true"' if described_by else ""
    return _field(name, label, f'<select id="{name}" name="{name}"{description}>{items}</select>')


def number(name: str, label: str, value: float, *, least: float = 0, step: str = "1") -> str:
    return _field(
        name,
        label,
        f'<input id="{name}" name="{name}" type="number" min="{least:g}" step="{step}" value="{value:g}" required>',
    )


def email(name: str, label: str) -> str:
    return _field(name, label, f'<input id="{name}" name="{name}" type="email" required>')


def error(text: str) -> str:
    return f'<p class="error" role="alert" id="error">{escape(text)}</p>'


def _field(name: str, label: str, control: str) -> str:
    return f'<div><label for="{name}">{escape(label)}</label>{control}</div>'
