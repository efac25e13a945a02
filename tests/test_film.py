"""The camera's film: laws of optics and noise, kernels against their twins, nothing done where nothing is asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preview_scenes import WHITE, ball, camera, open_to_light, surface_of
from scipy import integrate, ndimage

from meshes.parts import Part
from renderers import srgb
from renderers.camera import Camera
from renderers.exact import rasterize
from renderers.film import focus, jpeg, sensor, shake, vignette, white
from renderers.film.develop import Film, Settings, decided, develop, expose, measure
from renderers.film.exposure import FACE_OVER_CARD, meter
from renderers.light import LUMINANCE
from renderers.picture import Image, ThinLens, over
from renderers.preview import light_up, render

CARD = np.full(3, 0.2)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    return rng(seed).random((height, width, 3)).astype(np.float32)


# Depth of field.


def two_depths(seed: int, size: int = 40) -> tuple[Image, np.ndarray]:
    """A random picture of a person with holes, at depths of 0.2 to 0.6 m."""
    draw = rng(seed)
    rough = ndimage.gaussian_filter(draw.random((size, size)), 3)
    covered = rough > np.median(rough)
    alpha = np.where(covered, draw.choice([0.5, 1.0], (size, size)), 0).astype(np.float32)
    depth = np.where(covered, 0.2 + 0.4 * draw.random((size, size)), 0)
    return Image(draw.random((size, size, 3)).astype(np.float32) * alpha[..., None], alpha), depth


@settings(max_examples=8)
@given(st.integers(0, 1000), st.floats(0.002, 0.02))
def test_compiled_defocus_equals_its_twin(seed, aperture_m):
    image, depth = two_depths(seed)
    lens = ThinLens(aperture_m, 0.4)
    blur = focus.signed_blur_px(image.alpha, depth, 300.0, lens)
    radius = float(abs(blur[np.isfinite(blur)]).max() / 2)
    layers = np.dstack([image.rgb, image.alpha])
    expected = focus.gather_twin(layers, blur, radius)
    blurred = focus.defocus(image, depth, 300.0, lens)
    np.testing.assert_allclose(np.dstack([blurred.rgb, blurred.alpha]), expected, atol=2e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_blurred_white_person_before_white_stays_white(seed):
    image, depth = two_depths(seed)
    person = Image(np.repeat(image.alpha[..., None], 3, axis=2), image.alpha)
    blurred = focus.defocus(person, depth, 300.0, ThinLens(0.015, 0.4))
    assert not np.array_equal(blurred.alpha, image.alpha)
    assert blurred.alpha.max() <= 1 + 1e-6
    np.testing.assert_allclose(over(blurred, np.ones((40, 40, 3), np.float32)), 1.0, atol=1e-5)


def test_what_is_in_focus_is_untouched_and_a_pinhole_returns_its_picture():
    image, depth = two_depths(1)
    flat = np.where(depth > 0, 0.4, 0)
    assert focus.defocus(image, flat, 300.0, ThinLens(0.05, 0.4)) is image
    assert focus.defocus(image, depth, 300.0, ThinLens(0.0, 0.4)) is image


def test_a_point_becomes_a_disc_of_the_thin_lens():
    alpha, depth = np.zeros((41, 41), np.float32), np.zeros((41, 41))
    alpha[20, 20], depth[20, 20] = 1.0, 0.8
    lens = ThinLens(0.02, 0.4)
    blurred = focus.defocus(Image(np.repeat(alpha[..., None], 3, 2), alpha), depth, 400.0, lens).alpha
    diameter = 0.02 * 400 * (1 / 0.4 - 1 / 0.8)
    distance = np.hypot(*(np.mgrid[:41, :41] - 20))
    assert lens.blur_px(400.0, np.float64(0.8)) == pytest.approx(diameter)
    assert blurred.sum() == pytest.approx(1.0, abs=1e-5)
    assert (blurred[distance < diameter / 2 - 0.5] > 0.9 / (np.pi * diameter**2 / 4)).all()
    assert not blurred[distance > diameter / 2 + 0.5].any()


def through_real_lens(lit, view: Camera, lens: ThinLens, samples: int) -> Image:
    """The mean of pinhole pictures from all over the lens, each shifted so that the plane of focus stays."""
    n = np.arange(samples) + 0.5
    radius, angle = lens.aperture_m / 2 * np.sqrt(n / samples), np.pi * (1 + 5**0.5) * n
    images = []
    for x, y in zip(radius * np.cos(angle), radius * np.sin(angle), strict=True):
        K, T = view.K.copy(), view.T_camera_head.copy()
        K[:2, 2] += K[0, 0] * np.array([x, y]) / lens.focus_m
        T[:2, 3] -= (x, y)
        images.append(render(lit, replace(view, K=K, T_camera_head=T)))
    return Image(np.mean([i.rgb for i in images], axis=0), np.mean([i.alpha for i in images], axis=0))


@pytest.mark.parametrize("focus_m", [0.3, 0.6])
def test_defocus_agrees_with_pictures_from_all_over_the_lens(focus_m):
    surface = surface_of(ball(0.1))
    view = camera(64, 0.4)
    lit, lens = light_up(surface, WHITE, open_to_light(surface)), ThinLens(0.06, focus_m)
    truth = through_real_lens(lit, view, lens, 150)
    sharp = render(lit, view)
    blurred = focus.defocus(sharp, rasterize(surface, view).depth_axis_m, float(view.K[0, 0]), lens)
    assert abs(truth.alpha - sharp.alpha).max() > 0.4
    assert abs(truth.alpha - blurred.alpha).max() < 0.13
    assert abs(truth.alpha - blurred.alpha).mean() < abs(truth.alpha - sharp.alpha).mean() / 3


# Shake.


@given(st.floats(0.0, 30.0), st.floats(0.0, 6.3), st.floats(-0.3, 0.3))
@settings(max_examples=30)
def test_a_shake_moves_nothing_on_average_and_keeps_the_light(length_px, direction_rad, bend):
    path = shake.path_px(length_px, direction_rad, bend)
    np.testing.assert_allclose(path.mean(axis=0), 0, atol=1e-9)
    assert np.hypot(*(path[-1] - path[0])) == pytest.approx(length_px)
    spread = shake.stamp(path)
    offsets = np.arange(len(spread)) - len(spread) // 2
    assert spread.sum() == pytest.approx(1.0, abs=1e-5)
    assert abs(spread.sum(axis=0) @ offsets) < 1e-4
    assert abs(spread.sum(axis=1) @ offsets) < 1e-4


def test_shaking_is_a_convolution():
    spread = shake.stamp(shake.path_px(7.3, 0.7, 0.2))
    expected = np.dstack(
        [ndimage.convolve(channel, spread, mode="nearest") for channel in picture().transpose(2, 0, 1)]
    )
    np.testing.assert_allclose(shake.shaken(picture(), spread), expected, atol=1e-5)


# Exposure and white balance.


def test_metering_brings_what_is_measured_to_its_level():
    light = 0.05 + 0.3 * picture(40, 60)
    part = np.zeros((40, 60), np.uint8)
    part[10:20, 20:40] = Part.FACE
    light[part > 0] *= 0.2
    assert meter(light, part, "card", 0.2) == 1.0
    seen, gain = light @ LUMINANCE, {how: meter(light, part, how, 0.2) for how in ("average", "centre", "face")}
    assert gain["average"] * seen.mean() == pytest.approx(0.2)
    middle = 0.2 / gain["centre"]
    assert gain["face"] * (seen[part > 0].mean() + middle) / 2 == pytest.approx(0.2 * FACE_OVER_CARD)
    assert gain["average"] < gain["centre"] < gain["face"]
    assert meter(light, 0 * part, "face", 0.2) == meter(light, 0 * part, "centre", 0.2)


def test_no_measure_leaves_a_picture_black_or_white():
    black, bright = np.zeros((8, 8, 3), np.float32), np.full((8, 8, 3), 1e4, np.float32)
    part = np.zeros((8, 8), np.uint8)
    assert measure(black, part, Film(metering="average"), CARD, 0.2).gain == 1.0
    for light in (black + 1e-6, bright):
        for ev in (-4.0, 4.0):
            gain = measure(light, part, Film(metering="average", exposure_ev=ev), CARD, 0.2).gain
            assert 0.01 - 1e-9 <= 0.2 * gain <= 1 + 1e-9


def test_a_stop_is_a_factor_of_two():
    part = np.zeros((24, 32), np.uint8)
    assert measure(picture(), part, Film(exposure_ev=-1.0), CARD, 0.2) == Settings(0.5)


@settings(max_examples=60)
@given(
    st.sampled_from(["card", "average", "face"]),
    st.sampled_from(["off", "card", "grey-world"]),
    st.sampled_from([0.0, 20.0]),
    st.floats(-9.0, 9.0),
    st.integers(0, 9),
)
def test_what_is_decided_without_looking_is_what_any_light_gives(metering, white_balance, mired, ev, seed):
    film = Film(metering=metering, white_balance=white_balance, white_balance_mired=mired, exposure_ev=ev)
    known = decided(film, 0.2)
    assert (known is not None) == (metering == "card" and white_balance == "off" and mired == 0)
    found = measure(picture(seed=seed), np.full((24, 32), Part.FACE, np.uint8), film, CARD, 0.2)
    assert known is None or found == known


@pytest.mark.parametrize(
    ("film", "plain"),
    [
        (Film(), True),
        (Film(metering="face", exposure_ev=1.0, white_balance="card"), True),
        (Film(shake_px=0.1), False),
        (Film(chromatic_px=-0.1), False),
        (Film(vignetting=0.1), False),
        (Film(vignetting_edge=0.1), False),
        (Film(iso=100.0), False),
        (Film(jpeg_quality=90), False),
    ],
)
def test_a_plain_film_is_a_picture_times_its_factors(film, plain):
    assert film.plain == plain
    view, camera_settings = camera(32), Settings(0.7, (1.1, 1.0, 0.8))
    light = picture(32, 32)
    developed = develop(expose(light, view, view, film), camera_settings, film, rng())
    if plain:
        np.testing.assert_array_equal(developed, srgb.encode(light * camera_settings.factors))


@pytest.mark.parametrize("how", ["grey-world", "shades-of-grey"])
def test_balance_undoes_a_tint_of_grey(how):
    grey = picture()[..., :1] * np.ones(3, np.float32) * 0.5
    tinted = grey * np.array([1.3, 1.0, 0.6], np.float32)
    balanced = tinted * white.balance(tinted, how, np.ones(3))
    np.testing.assert_allclose(balanced[..., 0], balanced[..., 2], rtol=1e-5)
    assert (white.balance(tinted, how, np.ones(3)) @ LUMINANCE) == pytest.approx(1.0)


def test_a_card_is_grey_after_balance_by_a_card():
    card = np.array([0.3, 0.2, 0.1])
    factors = white.balance(picture(), "card", card)
    np.testing.assert_allclose(card * factors, (card * factors)[0])
    assert (factors @ LUMINANCE) == pytest.approx(1.0)


def test_burnt_pixels_say_nothing_about_white():
    light = np.full((8, 8, 3), (0.2, 0.2, 0.2), np.float32)
    light[:4] = (9.0, 5.0, 1.5)
    np.testing.assert_allclose(white.balance(light, "grey-world", np.ones(3)), 1.0)
    np.testing.assert_allclose(white.balance(light[:4], "grey-world", np.ones(3)), 1.0)


def black_body_xy(kelvin: float) -> np.ndarray:
    """Chromaticity of Planck's law under the CIE 1931 observer, fitted by C. Wyman et al., JCGT 2(2), 2013."""

    def bump(x: float, centre: float, left: float, right: float) -> float:
        return float(np.exp(-0.5 * ((x - centre) * (left if x < centre else right)) ** 2))

    def observer(x: float) -> tuple[float, float, float]:
        return (
            0.362 * bump(x, 442.0, 0.0624, 0.0374) + 1.056 * bump(x, 599.8, 0.0264, 0.0323)
            - 0.065 * bump(x, 501.1, 0.0490, 0.0382),
            0.821 * bump(x, 568.8, 0.0213, 0.0247) + 0.286 * bump(x, 530.9, 0.0613, 0.0322),
            1.217 * bump(x, 437.0, 0.0845, 0.0278) + 0.681 * bump(x, 459.0, 0.0385, 0.0725),
        )  # fmt: skip

    def spectrum(nm: float) -> float:
        return nm**-5 / np.expm1(1.438777e7 / (nm * kelvin))

    XYZ = [integrate.quad(lambda x, k=k: observer(x)[k] * spectrum(x), 380, 780, limit=200)[0] for k in range(3)]
    return np.array(XYZ[:2]) / sum(XYZ)


@pytest.mark.parametrize("kelvin", [2500.0, 4000.0, 6504.0, 10_000.0])
def test_black_bodies_have_their_colour(kelvin):
    u, v = white.planckian_uv(kelvin)
    xy = np.array([3 * u, 2 * v]) / (2 * u - 8 * v + 4)
    np.testing.assert_allclose(xy, black_body_xy(kelvin), atol=0.004)


def test_errors_of_white_balance_have_their_signs():
    np.testing.assert_allclose(white.tint(0, 0), 1.0, atol=1e-12)
    warm, cold, green, pink = white.tint(60, 0), white.tint(-60, 0), white.tint(0, 0.01), white.tint(0, -0.01)
    assert warm[0] > 1.05 > 0.95 > warm[2]
    assert cold[0] < 0.97 < 1.03 < cold[2]
    assert green[1] > 1.0 > max(green[0], green[2])
    assert pink[1] < 1.0 < min(pink[0], pink[2])


# Sensor.


@pytest.mark.parametrize("level", [0.002, 0.05, 0.4, 0.9])
@pytest.mark.parametrize(("name", "iso"), [("phone", 100.0), ("phone", 3200.0), ("full-frame", 1600.0)])
def test_noise_follows_its_law(level, name, iso):
    sensor_ = sensor.SENSORS[name]
    counted = sensor.noisy(np.full((300, 400, 3), level, np.float32), np.ones(3), sensor_, iso, rng(3))
    expected = sensor.variance(np.float64(level), sensor_, iso)
    # The mean and the variance of n samples miss by about sqrt(v / n) and v sqrt(2 / n).
    assert abs(counted.mean() - level) < 5 * np.sqrt(expected / counted.size)
    assert counted.var() == pytest.approx(expected, rel=5 * np.sqrt(2 / counted.size) + 0.01)
    white_e = sensor_.full_well_e * 100 / iso
    assert expected == pytest.approx(level / white_e + (sensor_.read_noise_e / white_e) ** 2)


def test_dark_pixels_count_photons_one_by_one():
    counted = sensor.noisy(np.full((60, 60, 3), 0.02, np.float32), np.ones(3), sensor.Sensor(100.0, 0.0), 100, rng())
    np.testing.assert_allclose(counted * 100, np.rint(counted * 100), atol=1e-4)
    assert len(np.unique(np.rint(counted * 100))) > 4


def test_a_raised_channel_has_its_noise_raised():
    light, factors = np.full((200, 200, 3), 0.3, np.float32), np.array([1.0, 1.0, 2.0])
    spread = sensor.noisy(light, factors, sensor.SENSORS["phone"], 800, rng()).std(axis=(0, 1))
    assert spread[2] / spread[1] == pytest.approx(np.sqrt(2), rel=0.05)


# Vignetting, JPEG.


def test_natural_falloff_is_the_fourth_power_of_the_cosine():
    view = camera(64, focal=0.8)
    share = vignette.falloff(view, 1.0, 0.0)
    x, y = (np.array([63.5, 40.5]) - 32) / view.K[0, 0]
    assert share[40, 63] == pytest.approx(np.cos(np.arctan(np.hypot(x, y))) ** 4, rel=1e-5)
    half = vignette.falloff(view, 0.5, 0.0)
    np.testing.assert_allclose(1 - half, (1 - share) / 2, atol=1e-6)
    assert (vignette.falloff(camera(kind="orthographic"), 1.0, 0.0) == 1).all()


def test_the_barrel_takes_its_share_at_the_farthest_corner():
    share = vignette.falloff(camera(64), 0.0, 0.4)
    assert share.min() == share[0, 0] == pytest.approx(0.6, abs=1e-5)
    assert share[32, 32] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("quality", [20, 89, 90, 100])
def test_jpeg_is_repeatable_and_better_at_higher_quality(quality):
    smooth = srgb.encode(ndimage.gaussian_filter(picture(64, 64), (2, 2, 0)))
    stored = jpeg.through_jpeg(smooth, quality)
    assert stored.dtype == np.uint8
    assert stored.shape == smooth.shape
    assert np.array_equal(stored, jpeg.through_jpeg(smooth, quality))
    error = np.abs(stored.astype(int) - smooth).mean()
    assert error <= np.abs(jpeg.through_jpeg(smooth, 10).astype(int) - smooth).mean()
    assert error < 1.5 or quality < 90
    assert jpeg.writer().startswith("Pillow ")


def test_colour_keeps_its_resolution_from_quality_90_on():
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (200, 60, 60), (60, 60, 200)
    full, halved = (jpeg.through_jpeg(stripes, q)[16].astype(int) for q in (90, 89))
    assert np.ptp(full[:, 0]) > 2 * np.ptp(halved[:, 0])


# All together.


def test_a_film_that_asks_for_nothing_does_nothing():
    light, view = picture(), camera(8)
    assert expose(light, view, view, Film()) is light
    part = np.zeros((24, 32), np.uint8)
    assert measure(light, part, Film(), CARD, 0.2) == Settings()
    assert np.array_equal(develop(light, Settings(), Film(), rng()), srgb.encode(light))


@pytest.mark.parametrize("asked", [Film(iso=800.0), Film(jpeg_quality=60), Film(shake_px=3.0), Film(vignetting=1.0)])
def test_each_effect_alone_changes_the_picture_and_repeats_itself(asked):
    view = camera(32)
    light = picture(32, 32)
    first, again = (develop(expose(light, view, view, asked), Settings(), asked, rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, srgb.encode(light))
