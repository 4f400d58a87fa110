"""Pages as people read and use them with JavaScript off: by labels, headings, tables and buttons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self

from django.test import Client

_VOID = {"input", "meta", "link", "br", "img", "hr"}
_INLINE = {"a", "abbr", "b", "bdi", "code", "i", "label", "span", "strong", "time"}
_UNSEEN = {"script", "style", "title", "head"}
_FIELDS = ("input", "select", "textarea")


@dataclass
class Element:
    """One element of a page and what is in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Element]:
        """Every element with one of these tags inside this one, in order."""
        for child in self.children:
            if isinstance(child, Element):
                if child.tag in tags:
                    yield child
                yield from child.all(*tags)

    @property
    def text(self) -> str:
        return " ".join(self._words().split())

    def _words(self) -> str:
        if self.tag in _UNSEEN:
            return ""
        words = "".join(child if isinstance(child, str) else child._words() for child in self.children)
        return words if self.tag in _INLINE else f" {words} "

    @property
    def raw(self) -> str:
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)

    @property
    def value(self) -> str:
        """What a form field holds: the text typed, or the name of the option chosen."""
        match self.tag:
            case "select":
                return next(
                    (option.text for option in self.all("option") if "selected" in option.attributes), ""
                )
            case "textarea":
                return self.raw.removeprefix("\n")
            case _:
                return self.attributes.get("value", "")

    @property
    def checked(self) -> bool:
        return "checked" in self.attributes


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def read(html: str) -> Element:
    reader = _Reader()
    reader.feed(html)
    return reader.root


class Page:
    """An answer, and the browser it was given to. Raises LookupError for what is not on it."""

    def __init__(self, client: Client, response: Any) -> None:
        self.client = client
        self.response = response
        self.status: int = response.status_code
        query = response.request["QUERY_STRING"]
        self.address: str = response.request["PATH_INFO"] + (f"?{query}" if query else "")
        self.html: str = response.content.decode()
        self.root = read(self.html)

    @classmethod
    def visit(cls, client: Client, address: str) -> Self:
        return cls(client, client.get(address, follow=True))

    @property
    def text(self) -> str:
        return self.root.text

    @property
    def heading(self) -> str:
        return next(self.root.all("h1")).text

    def all(self, *tags: str) -> list[Element]:
        return list(self.root.all(*tags))

    # Looking

    def rows(self, table: str) -> list[list[str]]:
        """The cells of the bodies of all tables of that name, or in a list of that name."""
        lists = [found for found in self.root.all("ol") if found.attributes.get("aria-label") == table]
        tables = [found for each in lists for found in each.all("table")]
        for found in self.root.all("table"):
            caption = next((c.text for c in found.all("caption")), found.attributes.get("aria-label", ""))
            tables += [found] if caption == table else []
        bodies = [body for found in tables for body in found.all("tbody")]
        return [[cell.text for cell in row.all("th", "td")] for body in bodies for row in body.all("tr")]

    def field(self, label: str) -> Element:
        return _field(self.root, label)

    def error(self, label: str) -> str:
        """The sentence beside a field, if the field is marked as wrong and says where the sentence is."""
        its_field = self.field(label)
        its_id = f"{its_field.attributes['id']}_error"
        assert its_field.attributes.get("aria-invalid") == "true", f"{label} is not marked as wrong"
        assert its_id in its_field.attributes.get("aria-describedby", "").split()
        return next(e.text for e in self.root.all("p", "ul", "div") if e.attributes.get("id") == its_id)

    def options(self, label: str) -> list[str]:
        return [option.text for option in self.field(label).all("option")]

    def ticks(self) -> dict[str, bool]:
        """The check boxes by name, and whether they are ticked."""
        return {
            e.attributes["aria-label"]: e.checked
            for e in self.root.all("input")
            if e.attributes.get("type") == "checkbox" and "aria-label" in e.attributes
        }

    def buttons(self) -> list[str]:
        return [_name(button) for button in self.root.all("button")]

    def link(self, name: str) -> str:
        """Where a link goes."""
        for found in self.root.all("a"):
            if _name(found) == name:
                return found.attributes["href"]
        raise LookupError(f"no link {name!r} on {self.address}")

    # Going on

    def follow(self, link: str) -> Page:
        target = self.link(link)
        path = self.address.partition("?")[0]
        return Page.visit(self.client, path + target if target.startswith("?") else target)

    def press(self, button: str, typed: Mapping[str, str | bool] | None = None) -> Page:
        """Fill in fields by their labels, options by their names, then send the form the button is in."""
        for form in self.root.all("form"):
            for found in form.all("button"):
                if _name(found) == button:
                    return self._send(form, found, typed or {})
        raise LookupError(f"no button {button!r} on {self.address}, only {self.buttons()}")

    def _send(self, form: Element, button: Element, typed: Mapping[str, str | bool]) -> Page:
        for label, value in typed.items():
            _fill(_field(form, label), value)
        data: dict[str, list[str]] = {}
        for control in form.all(*_FIELDS):
            name = control.attributes.get("name")
            if name and not (control.attributes.get("type") == "checkbox" and not control.checked):
                data.setdefault(name, []).append(_sent(control))
        if "name" in button.attributes:
            data.setdefault(button.attributes["name"], []).append(button.attributes.get("value", ""))
        address = form.attributes.get("action") or self.address
        if form.attributes.get("method", "get").lower() == "post":
            return Page(self.client, self.client.post(address, data, follow=True))
        return Page(self.client, self.client.get(address.partition("?")[0], data, follow=True))


def _name(element: Element) -> str:
    return element.attributes.get("aria-label") or element.text


def _field(root: Element, label: str) -> Element:
    by_id = {e.attributes.get("id"): e for e in root.all(*_FIELDS)}
    for found in root.all("label"):
        if found.text == label and found.attributes.get("for") in by_id:
            return by_id[found.attributes["for"]]
    for found in by_id.values():
        if found.attributes.get("aria-label") == label:
            return found
    raise LookupError(f"no field {label!r}")


def _fill(control: Element, value: str | bool) -> None:
    if isinstance(value, bool):
        control.attributes.pop("checked", None)
        if value:
            control.attributes["checked"] = ""
    elif control.tag == "select":
        options = {option.text: option for option in control.all("option")}
        for option in options.values():
            option.attributes.pop("selected", None)
        options[value].attributes["selected"] = ""
    elif control.tag == "textarea":
        control.children = [value]
    else:
        control.attributes["value"] = value


def _sent(control: Element) -> str:
    if control.tag != "select":
        return control.value or ("on" if control.attributes.get("type") == "checkbox" else "")
    options = list(control.all("option"))
    chosen = next((option for option in options if "selected" in option.attributes), options[0])
    return chosen.attributes.get("value", chosen.text)
