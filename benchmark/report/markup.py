"""HTML and SVG as text in which nothing foreign can act: whatever is not `Markup` already is escaped.

Names, reasons and versions come out of files that anybody may have written.
"""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"img", "input", "br", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def safe(text: str) -> Markup:
    """`text` as it is where it is markup, escaped where it is not."""
    return text if isinstance(text, Markup) else Markup(escape(text, quote=True))


def joined(parts: Iterable[str], separator: str = "") -> Markup:
    """Parts one after the other, each escaped unless it is markup."""
    return Markup(safe(separator).join(safe(part) for part in parts))


def tag(name: str, *children: str, **attributes: str | int | float | bool | None) -> Markup:
    """An element.

    Args:
        children: what is in it; plain text is escaped.
        attributes: `class_` stands for `class`, `data_bin` for `data-bin`; True has no value, False and None are
            left out.
    """
    written = joined(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def _attribute(key: str, value: str | int | float | bool) -> Markup:
    name = key.rstrip("_").replace("_", "-")
    if isinstance(value, bool):
        return Markup(f" {name}" if value else "")
    return Markup(f' {name}="{safe(value if isinstance(value, str) else str(value))}"')
