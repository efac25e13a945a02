// From linear light to 8 bits for a GPU: meshes/srgb.py and renderers/kernels_color/stretch.py in the same arithmetic.

#include "launch.cuh"

#define STEPS 4096 // As in meshes/srgb.py; a test compares them.

// The nearest 8-bit code of a linear value: a step of `first_code` holds one threshold at most.
DEVICE void encode_one(
    long long n, const float *linear, const double *thresholds, const unsigned char *first_code, unsigned char *codes
) {
    float x = linear[n] > 0.0f ? linear[n] : 0.0f;
    x = x < 1.0f ? x : 1.0f;
    int code = first_code[(long long)(x * (float)STEPS)];
    codes[n] = (unsigned char)(code + ((double)x >= thresholds[code + 1]));
}
KERNEL(encode,
       (const float *linear, const double *thresholds, const unsigned char *first_code, unsigned char *codes),
       (linear, thresholds, first_code, codes))

typedef struct {
    long long width, step, knots; // Of the picture in pixels; between knots; knots in a row.
} Grid;

// One number of a picture: linear between knots (n, m, 3) that lie `step` pixels apart from pixel (0, 0).
DEVICE void stretch_one(long long n, const Grid *grid, const float *knots, float *out) {
    long long k = n % 3, c = n / 3 % grid->width, r = n / 3 / grid->width, row = 3 * grid->knots;
    float t = (float)(r % grid->step) / (float)grid->step, s = (float)(c % grid->step) / (float)grid->step;
    const float *at = knots + (r / grid->step) * row + 3 * (c / grid->step) + k;
    float upper = at[0] + s * (at[3] - at[0]), lower = at[row] + s * (at[row + 3] - at[row]);
    out[n] = upper + t * (lower - upper);
}
KERNEL(stretch, (const Grid *grid, const float *knots, float *out), (grid, knots, out))
