"""The batched poses of `meshes.device` against `MakeHuman.head`, on torch's CPU device."""

import numpy as np
import pytest

pytest.importorskip("torch")

from meshes.arkit import ARKIT, sample_expression
from meshes.device.looks import looks, to_host
from meshes.device.poser import DeviceHead, Figure, Poser
from meshes.hair.style import beard_look
from meshes.head import Head, Identity, MeshError, Pose, Style
from meshes.makehuman import MakeHuman
from meshes.wear.sampling import sample_clothes

MODEL = MakeHuman()


def people() -> list[Identity]:
    """A woman, and a man with a beard, so that every kind of hair is there."""
    drawn = [MODEL.sample_identity(np.random.Generator(np.random.Philox(key=k))) for k in (3, 4)]
    return [drawn[0], Identity(drawn[1].shape, {**drawn[1].look, **beard_look("full")})]


def figures() -> list[Figure]:
    """Few poses that use every step: blinks, jaw, gaze, a bent neck, garments, and one at rest."""
    rng = np.random.Generator(np.random.Philox(key=9))
    one, other = people()
    turned = Pose(0.4, -0.2, 0.3, jaw=0.1, gaze_left=(0.3, -0.2), gaze_right=(0.2, -0.2))
    shirt = Style(clothes=sample_clothes(np.random.Generator(np.random.Philox(key=2)), "v-neck"))
    return [
        Figure(one, {}, Pose()),
        Figure(one, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.6, "mouthClose": 0.8, "jawOpen": 0.5}, turned),
        Figure(other, sample_expression(rng, ARKIT, 1.0), Pose(-0.5, 0.3, -0.2), shirt),
    ]


@pytest.fixture(scope="module")
def both() -> list[tuple[DeviceHead, Head]]:
    """Each figure posed in one batch and by the model."""
    asked = figures()
    posed = Poser("cpu", painted=True)(asked)
    return [(p, MODEL.head(f.identity, f.expression, f.pose, f.style)) for p, f in zip(posed, asked, strict=True)]


def test_points_and_normals_are_those_of_the_model(both):
    for posed, head in both:
        assert posed.vertices.shape == head.surface.vertices.shape
        assert np.abs(posed.vertices.numpy() - head.surface.vertices).max() < 1e-9
        assert np.abs(posed.normals.numpy() - head.surface.normals).max() < 1e-5


def test_what_does_not_move_is_equal(both):
    for posed, head in both:
        np.testing.assert_array_equal(posed.tables.faces.numpy(), head.surface.faces)
        np.testing.assert_array_equal(posed.tables.uv.numpy(), head.surface.uv)
        np.testing.assert_array_equal(posed.tables.part.numpy(), head.surface.part)
        np.testing.assert_array_equal(posed.tables.label.numpy(), head.surface.face_label)


def test_marks_and_eyes_are_those_of_the_model(both):
    for posed, head in both:
        np.testing.assert_array_equal(posed.eye_centres, head.eye_centres)
        np.testing.assert_array_equal(posed.skull_rotation, head.skull_rotation)
        np.testing.assert_array_equal(posed.landmark_face, head.landmark_face)
        np.testing.assert_array_equal(posed.landmark_barycentric, head.landmark_barycentric)
        for name in ("landmarks", "nose_tip", "head_centre"):
            assert np.abs(getattr(posed, name) - getattr(head, name)).max() < 1e-9, name


def test_brought_over_it_is_the_models_head(both):
    for posed, head in both:
        over = to_host(posed).surface
        assert [m.name for m in over.materials] == [m.name for m in head.surface.materials]
        for name in ("faces", "uv", "part", "material", "cutout", "occluder_faces"):
            np.testing.assert_array_equal(getattr(over, name), getattr(head.surface, name), err_msg=name)
        assert np.abs(over.color - head.surface.color).max() < 1e-5
        assert np.abs(over.normals - head.surface.normals).max() < 1e-5


def test_how_it_looks_is_told_without_its_points(both):
    for posed, head in both:
        seen = looks(posed)
        assert np.abs(seen.color - head.surface.color).max() < 1e-5
        assert [m.name for m in seen.materials] == [m.name for m in head.surface.materials]
        np.testing.assert_array_equal(seen.material, head.surface.material)
        again = looks(posed)
        assert again.vertices is seen.vertices, "the person at rest is kept"
        assert again.materials is seen.materials


def test_the_people_have_hair_of_every_kind(both):
    assert {len(posed.still.bound) for posed, _ in both} == {2, 3}  # Brows and lashes, and a beard.
    assert any(posed.still.mane is not None for posed, _ in both)


def test_labels_need_no_colours_and_see_the_same():
    figure = figures()[1]
    (plain,), (painted,) = Poser("cpu")([figure]), Poser("cpu", painted=True)([figure])
    np.testing.assert_array_equal(plain.vertices.numpy(), painted.vertices.numpy())
    np.testing.assert_array_equal(plain.tables.label.numpy(), painted.tables.label.numpy())
    assert not plain.still.rest.surface.color[: len(plain.still.relief_m)].any()


def test_the_last_people_are_kept_and_no_more():
    poser, (one, other) = Poser("cpu", people=1), people()
    first = poser([Figure(one, {}, Pose())])[0].still
    assert poser([Figure(one, {}, Pose(yaw=0.1))])[0].still is first
    poser([Figure(other, {}, Pose())])
    assert poser([Figure(one, {}, Pose())])[0].still is not first


def test_an_unknown_expression_is_refused():
    with pytest.raises(MeshError, match="jawOpn"):
        Poser("cpu")([Figure(Identity(), {"jawOpn": 1.0}, Pose())])


@pytest.mark.parametrize("style", [Style(clothes={"outfit": 1.0}), Style(look={"hair_cards": 1.0})])
def test_what_the_wardrobe_holds_is_refused(style):
    with pytest.raises(MeshError, match="expected tailored clothes and grown hair"):
        Poser("cpu")([Figure(Identity(), {}, Pose(), style)])
