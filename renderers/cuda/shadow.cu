// Soft shadows for a GPU: renderers/kernels_color/shadow.py, all directions at once, in the same arithmetic.
//
// Heights are raised by atomic maxima, whoever comes first; a vertex sums its directions in their order.

#include "launch.cuh"

#define LIFT 0.25f // As in renderers/kernels_color/shadow.py; a test compares them.
#define LIFT_TURNED 1.25f
#define WRAP 0.2f

#define CLAMP(x, low, high) MIN(MAX(x, low), high)

typedef struct {
    long long directions, faces, size; // `size` is the side of a depth map in texels.
} Counts;

// Bits of floats in an order of unsigned integers; above 0, which stands for "nothing here".
DEVICE u32 ordered(float height) {
    u32 bits = FLOAT_BITS(height);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
DEVICE float height_of(u32 key) {
    if (key == 0) return -(float)INF;
    return FLOAT_OF(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

// A corner in a map's texels, and its height towards the light in metres. `fit` is x0, y0 and the texel's width.
DEVICE void place(const float *p, const float *frame, const float *fit, float *at) {
    at[0] = (((frame[0] * p[0] + frame[1] * p[1]) + frame[2] * p[2]) - fit[0]) / fit[2];
    at[1] = (((frame[3] * p[0] + frame[4] * p[1]) + frame[5] * p[2]) - fit[1]) / fit[2];
    at[2] = (frame[6] * p[0] + frame[7] * p[1]) + frame[8] * p[2];
}

// One face in one direction's map; only faces turned away from the light are drawn (shadow.py says why).
DEVICE void cast_heights_one(
    long long n, const Counts *counts, const float *corners, const int *faces, const float *frames, const float *fits,
    u32 *top
) {
    long long d = n / counts->faces, f = n % counts->faces, size = counts->size;
    const float *frame = frames + 9 * d, *fit = fits + 3 * d;
    float a[3], b[3], c[3];
    place(corners + 3LL * faces[3 * f], frame, fit, a);
    place(corners + 3LL * faces[3 * f + 1], frame, fit, b);
    place(corners + 3LL * faces[3 * f + 2], frame, fit, c);
    long long c0 = (long long)MIN3(a[0], b[0], c[0]) + 1, c1 = (long long)MAX3(a[0], b[0], c[0]);
    long long r0 = (long long)MIN3(a[1], b[1], c[1]) + 1, r1 = (long long)MAX3(a[1], b[1], c[1]);
    float xb = b[0] - a[0], yb = b[1] - a[1], xc = c[0] - a[0], yc = c[1] - a[1], area = xb * yc - xc * yb;
    if (c0 > c1 || r0 > r1 || area >= 0) return;
    float zb = b[2] - a[2], zc = c[2] - a[2], inverse = 1.0f / area;
    u32 *map = top + d * size * size;
    for (long long row = r0; row <= r1; row++) {
        for (long long column = c0; column <= c1; column++) {
            float x = (float)column - a[0], y = (float)row - a[1];
            float s = (x * yc - xc * y) * inverse, t = (xb * y - x * yb) * inverse;
            if (s >= 0 && t >= 0 && s + t <= 1) RAISE_U32(map + row * size + column, ordered((a[2] + s * zb) + t * zc));
        }
    }
}
KERNEL(cast_heights,
       (const Counts *counts, const float *corners, const int *faces, const float *frames, const float *fits, u32 *top),
       (counts, corners, faces, frames, fits, top))

// How far a height z stands clear of one texel: 1 at or above it, 0 from a texel's width below.
DEVICE float clear_of(u32 key, float z, float inverse) {
    float share = 1.0f - (height_of(key) - z) * inverse;
    return CLAMP(share, 0.0f, 1.0f);
}

// Bilinear mean of the four depth comparisons around a vertex at p with normal n.
DEVICE float visible(const float *p, const float *n, const float *frame, const float *fit, const u32 *map, long long size) {
    float inverse = 1.0f / fit[2], last = (float)(size - 2);
    float slope = (n[0] * frame[6] + n[1] * frame[7]) + n[2] * frame[8];
    float turned = CLAMP(0.5f - 2.0f * slope, 0.0f, 1.0f), lift = fit[2] * (LIFT + turned * (LIFT_TURNED - LIFT));
    float px = p[0] + lift * n[0], py = p[1] + lift * n[1], pz = p[2] + lift * n[2];
    float x = (((frame[0] * px + frame[1] * py) + frame[2] * pz) - fit[0]) * inverse;
    float y = (((frame[3] * px + frame[4] * py) + frame[5] * pz) - fit[1]) * inverse;
    float z = (frame[6] * px + frame[7] * py) + frame[8] * pz;
    x = CLAMP(x, 0.0f, last), y = CLAMP(y, 0.0f, last);
    long long c = (long long)x, r = (long long)y;
    float s = x - (float)c, t = y - (float)r;
    const u32 *at = map + r * size + c;
    float upper = clear_of(at[0], z, inverse), lower = clear_of(at[size], z, inverse);
    upper += s * (clear_of(at[1], z, inverse) - upper);
    lower += s * (clear_of(at[size + 1], z, inverse) - lower);
    return upper + t * (lower - upper);
}

// What arrives at a vertex, `occlusion.Arrival`: `share` (V, 3), and `opening` (V, 4) by `solve` (4, 4) of its moments.
DEVICE void gather_light_one(
    long long n, const Counts *counts, const double *vertices, const float *normals, const float *frames,
    const float *fits, const float *power, const float *solve, const u32 *top, float *share, float *opening
) {
    long long size = counts->size;
    float p[3] = {(float)vertices[3 * n], (float)vertices[3 * n + 1], (float)vertices[3 * n + 2]};
    const float *normal = normals + 3 * n;
    float lit[3] = {0.0f, 0.0f, 0.0f}, whole[3] = {0.0f, 0.0f, 0.0f}, moment[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (long long d = 0; d < counts->directions; d++) {
        const float *frame = frames + 9 * d;
        float open_part = visible(p, normal, frame, fits + 3 * d, top + d * size * size, size);
        float cosine = (normal[0] * frame[6] + normal[1] * frame[7]) + normal[2] * frame[8];
        float weight = MAX((cosine + WRAP) * (float)(1.0 / (1.0 + 0.2)), 0.0f), seen = weight * open_part;
        for (int k = 0; k < 3; k++) {
            lit[k] += seen * power[3 * d + k];
            whole[k] += weight * power[3 * d + k];
            moment[k + 1] += open_part * frame[6 + k];
        }
        moment[0] += open_part;
    }
    for (int k = 0; k < 3; k++) share[3 * n + k] = whole[k] > 0.0f ? lit[k] / MAX(whole[k], 1e-20f) : 1.0f;
    for (int k = 0; k < 4; k++) {
        const float *row = solve + 4 * k;
        opening[4 * n + k] = ((row[0] * moment[0] + row[1] * moment[1]) + row[2] * moment[2]) + row[3] * moment[3];
    }
}
KERNEL(gather_light,
       (const Counts *counts, const double *vertices, const float *normals, const float *frames, const float *fits,
        const float *power, const float *solve, const u32 *top, float *share, float *opening),
       (counts, vertices, normals, frames, fits, power, solve, top, share, opening))
