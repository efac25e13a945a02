"""What one person wears in one scene: a recipe's shares and garments become a `Style`.

Each thing has a generator of its own, keyed by the scene, so that one share can change without moving the others.
"""

from collections.abc import Mapping

from datagen.randomness import generator
from datagen.recipe import Recipe
from meshes.hair.style import STYLES, sample_hair, style_look
from meshes.head import HeadModel, Identity, Style
from meshes.wear import sampling
from meshes.wear.wardrobe import BROWS, CARDS, OUTFITS, PLUCKED

_ANCESTRIES = ("african", "asian", "caucasian")


def sample_style(
    recipe: Recipe, model: HeadModel, identity: Identity, seed: int, scene: int, nearest_m: float
) -> Style:
    """The style of a scene.

    Args:
        recipe: with the shares.
        model: whose people are dressed; one that is not `tailored` keeps its own hair and clothes.
        identity: who.
        seed, scene: key the draws.
        nearest_m: the nearest camera's distance to the eyes in this scene.
    """
    tailored = getattr(model, "tailored", False)
    return Style(
        look={**_hair(recipe, identity, seed, scene), **_brows(recipe, identity, seed, scene)} if tailored else {},
        clothes=_clothes(recipe, identity, seed, scene) if tailored else {},
        worn=_worn(recipe, identity, seed, scene, nearest_m),
    )


def _hair(recipe: Recipe, identity: Identity, seed: int, scene: int) -> dict[str, float]:
    """Another cut for the same person, or cards on a bald head; colour and hairline stay."""
    cards = generator(seed, scene, "hair cards")
    if cards.random() < recipe.hair_cards:
        return {**style_look("bald"), "hair_cards": float(cards.integers(len(CARDS)))}
    if not recipe.hair_varies:
        return {}
    known = {**identity.look, **identity.shape}
    mix = {name: known.get(name, 1 / 3) for name in _ANCESTRIES}
    rng = generator(seed, scene, "hair style")
    drawn = sample_hair(rng, max(mix, key=lambda name: mix[name]), mix, gender_of(identity), known.get("age", 0.5))
    return {name: float(drawn[name]) for name in (*style_look(STYLES[0]), "hair_part_m")}


def _brows(recipe: Recipe, identity: Identity, seed: int, scene: int) -> dict[str, float]:
    """Cards in place of brows that grow; a photographed skin, where none grow, keeps what it shows."""
    rng = generator(seed, scene, "brow cards")
    if rng.random() >= recipe.brow_cards or identity.look.get("brow_density", 0.0) <= 0.0:
        return {}
    fitting = [n for n in range(len(BROWS)) if gender_of(identity) <= 0.5 or n not in PLUCKED]
    return {"brow_density": 0.0, "brow_cards": float(fitting[int(rng.integers(len(fitting)))])}


def gender_of(identity: Identity) -> float:
    """0 female to 1 male: what the model says, else 1 for who has stubble."""
    known: Mapping[str, float] = {**identity.look, **identity.shape}
    return known.get("gender", float(known.get("stubble", 0.0) > 0.0))


def _clothes(recipe: Recipe, identity: Identity, seed: int, scene: int) -> dict[str, float]:
    rng = generator(seed, scene, "clothes")
    garment = recipe.clothes[int(rng.integers(len(recipe.clothes)))]
    if garment == "wardrobe":
        wanted = "male" if gender_of(identity) > 0.5 else "female"
        fitting = [n for n, name in enumerate(OUTFITS) if name.startswith(f"{wanted}_")]
        return {"outfit": float(fitting[int(rng.integers(len(fitting)))])}
    return {} if garment == "none" else sampling.sample_clothes(rng, garment)


def _worn(recipe: Recipe, identity: Identity, seed: int, scene: int, nearest_m: float) -> dict[str, dict[str, float]]:
    """Things that go together: headphones take the place of hats and earrings, a phone needs a free ear."""
    female = 1.0 - gender_of(identity)
    shares = {
        "glasses": recipe.glasses,
        "hat": recipe.hats,
        "earrings": min(1.0, 2.0 * recipe.earrings * female),
        "headphones": recipe.headphones,
        "held": recipe.held,
    }
    rngs = {name: generator(seed, scene, name) for name in shares}
    chosen = {name for name, share in shares.items() if rngs[name].random() < share}
    if "headphones" in chosen:
        chosen -= {"hat", "earrings", "held"}
    draws = {
        "glasses": lambda: sampling.sample_glasses(rngs["glasses"]),
        "hat": lambda: sampling.sample_hat(rngs["hat"], nearest_m),
        "earrings": lambda: sampling.sample_earrings(rngs["earrings"]),
        "headphones": lambda: sampling.sample_headphones(rngs["headphones"]),
        "held": lambda: sampling.sample_held(rngs["held"], nearest_m),
    }
    return {name: draw() for name, draw in draws.items() if name in chosen}
