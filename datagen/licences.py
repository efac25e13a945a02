"""What licences ask of a set: a credit where one is asked for, their texts, and nothing outside those allowed.

Assets are what records hold of them: id, licence, credit, source and sha256 by name.
"""

from collections.abc import Iterable

from meshes.assets import licence_text

NO_CREDIT = ("CC0-1.0", "0BSD", "Unlicense", "PDDL-1.0")
"""Licences that ask for no credit; nor does a LicenseRef-..., which is between the user and the data's owner."""


def parts(expression: str) -> tuple[str, ...]:
    """The licences that an SPDX expression joins: "CC-BY-3.0 AND MIT" asks what both ask."""
    return tuple(part.strip(" ()") for part in expression.split(" AND "))


def credit_missing(asset: dict[str, str]) -> str:
    """Why an asset may not be used yet, or "": it needs an id, a licence and, where that asks for one, a credit."""
    licence = asset.get("licence", "")
    if not asset.get("id") or not licence:
        return f"expected an asset with id and licence, got {asset}"
    if _asks_for_credit(licence) and not asset.get("credit", "").strip():
        return f"expected a credit line for asset {asset['id']!r} under {licence}, got none"
    return ""


def _asks_for_credit(expression: str) -> bool:
    return any(part not in NO_CREDIT and not part.startswith("LicenseRef-") for part in parts(expression))


def not_allowed(assets: Iterable[dict[str, str]], allowed: tuple[str, ...]) -> str:
    """Why a run restricted to some licences may not use these assets, or ""; no restriction allows any.

    Args:
        assets: what something is made of.
        allowed: SPDX names; every part of an asset's expression must be among them.
    """
    for asset in assets if allowed else ():
        others = [part for part in parts(str(asset.get("licence", ""))) if part not in allowed]
        if others:
            under, only = " AND ".join(others), " ".join(allowed)
            return f"asset {asset.get('id')} is under {under}, and --licence allows {only} alone"
    return ""


def notices(assets: Iterable[dict[str, str]]) -> list[str]:
    """The texts that these assets' licences ask to be kept with the data, once each, sorted by licence."""
    licences = {part for asset in assets for part in parts(str(asset.get("licence", ""))) if _asks_for_credit(part)}
    return [text for licence in sorted(licences) if (text := licence_text(licence))]
