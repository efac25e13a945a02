// The colour of a view for a GPU: renderers/kernels_color/shade.py, every sample by itself, in the same arithmetic.

#include "launch.cuh"

// First columns of a vertex: normal 3, uv 2, colour 3, lit share 3, openness 4, position 3.
#define NORMAL 0 // As in renderers/kernels_color/shade.py; a test compares them.
#define UV 3
#define COLOR 5
#define LIT 8
#define OPEN 11
#define POSITION 15
#define COLUMNS 18
#define RELIEF_STEP_M 2e-6f

#define CLAMP(x, low, high) MIN(MAX(x, low), high)

typedef struct {
    float x, y, z;
} Vec; // A direction, or red, green, blue.

typedef struct {
    long long materials, steps, received, mirrored, sharp; // Rows and sides of the tables below.
} Sizes;

typedef struct {
    const int *faces;
    const float *facet, *vertex;
    const unsigned char *material;
    const long long *mips; // (n, 3) offset, height, width
    const unsigned char *texels;
    const float *linear_of_code, *specular, *oil, *reflect;
    const long long *albedo, *relief; // (M, 2) first row of mips, count
    const float *received, *mirrored, *sharp;
    const Sizes *sizes;
    const double *seen, *columns, *rows, *T;
    const Lens *lens;
} Scene;

// What a sample lies on.
typedef struct {
    Vec normal, to_eye, color, lit;
    float u, v, open[4], oil;
    const float *a, *b, *c; // The face's corners.
    int m;
} Point;

DEVICE float dot(Vec a, Vec b) { return (a.x * b.x + a.y * b.y) + a.z * b.z; }
DEVICE Vec cross(Vec a, Vec b) {
    Vec c = {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
    return c;
}
DEVICE Vec scaled(Vec a, float s) {
    Vec b = {a.x * s, a.y * s, a.z * s};
    return b;
}

// Bilinear value of rows `first` to `first` + n of octahedral maps n texels wide, in a direction of any length but 0.
DEVICE Vec lookup(const float *square, long long n, long long first, Vec d) {
    float scale = 1.0f / ((fabsf(d.x) + fabsf(d.y)) + fabsf(d.z)), u = d.x * scale, v = d.z * scale;
    if (d.y < 0) {
        float folded_u = 1.0f - fabsf(v), folded_v = 1.0f - fabsf(u);
        u = u >= 0 ? folded_u : -folded_u, v = v >= 0 ? folded_v : -folded_v;
    }
    float half = 0.5f * (float)(n - 1), column = (u + 1.0f) * half, row = (v + 1.0f) * half;
    // A normal without length has no direction; it must not be looked for outside the map.
    long long c = CLAMP((long long)column, 0, n - 2), r = CLAMP((long long)row, 0, n - 2);
    float s = column - (float)c, t = row - (float)r;
    float w00 = (1.0f - t) * (1.0f - s), w01 = (1.0f - t) * s, w10 = t * (1.0f - s), w11 = t * s;
    const float *upper = square + 3 * ((first + r) * n + c), *lower = upper + 3 * n;
    Vec value = {
        ((w00 * upper[0] + w01 * upper[3]) + w10 * lower[0]) + w11 * lower[3],
        ((w00 * upper[1] + w01 * upper[4]) + w10 * lower[1]) + w11 * lower[4],
        ((w00 * upper[2] + w01 * upper[5]) + w10 * lower[2]) + w11 * lower[5],
    };
    return value;
}

// The head-frame ray of the image direction (dx, dy, 1).
DEVICE Vec aim(const Scene *scene, double dx, double dy) {
    const double *R = scene->T;
    if (scene->lens->orthographic) dx = 0.0, dy = 0.0;
    Vec ray = {
        (float)((R[0] * dx + R[4] * dy) + R[8]), (float)((R[1] * dx + R[5] * dy) + R[9]),
        (float)((R[2] * dx + R[6] * dy) + R[10]),
    };
    return ray;
}

DEVICE float mixed(const Point *at, const float *weight, int column) {
    return (weight[0] * at->a[column] + weight[1] * at->b[column]) + weight[2] * at->c[column];
}
DEVICE Vec mixed3(const Point *at, const float *weight, int column) {
    Vec value = {mixed(at, weight, column), mixed(at, weight, column + 1), mixed(at, weight, column + 2)};
    return value;
}

// Interpolates a face; one seen from behind (an open sheet) is lit on the side that is seen.
DEVICE Point gather(const Scene *scene, long long f, const float *weight, Vec ray) {
    Point at;
    at.a = scene->vertex + (long long)COLUMNS * scene->faces[3 * f];
    at.b = scene->vertex + (long long)COLUMNS * scene->faces[3 * f + 1];
    at.c = scene->vertex + (long long)COLUMNS * scene->faces[3 * f + 2];
    at.m = scene->material[f], at.oil = 0.0f;
    at.u = mixed(&at, weight, UV), at.v = mixed(&at, weight, UV + 1);
    at.color = mixed3(&at, weight, COLOR), at.lit = mixed3(&at, weight, LIT);
    for (int k = 0; k < 4; k++) at.open[k] = mixed(&at, weight, OPEN + k);
    Vec normal = mixed3(&at, weight, NORMAL);
    const float *facet = scene->facet + 3 * f;
    int behind = (facet[0] * ray.x + facet[1] * ray.y) + facet[2] * ray.z > 0;
    float length = MAX(sqrtf(dot(normal, normal)), 1e-12f);
    at.normal = scaled(normal, (behind ? -1.0f : 1.0f) / length);
    at.to_eye = scaled(ray, -1.0f / sqrtf(dot(ray, ray)));
    return at;
}

typedef struct {
    long long upper, lower; // First bytes of the two rows of texels around a place on a map.
    float w[4];
} Texels;

DEVICE Texels texels_at(long long height, long long width, float u, float v) {
    float x = CLAMP(u * (float)width - 0.5f, 0.0f, (float)(width - 1));
    float y = CLAMP((1.0f - v) * (float)height - 0.5f, 0.0f, (float)(height - 1));
    long long c = MIN((long long)x, width - 2), r = MIN((long long)y, height - 2);
    float s = x - (float)c, t = y - (float)r;
    Texels texels = {3 * (r * width + c), 3 * (r * width + c) + 3 * width,
                     {(1.0f - t) * (1.0f - s), (1.0f - t) * s, t * (1.0f - s), t * s}};
    return texels;
}

// Bilinear linear-light colour of the albedo map that starts at `map`.
DEVICE Vec albedo_at(const unsigned char *map, const float *linear_of_code, const Texels *at) {
    Vec sum = {0.0f, 0.0f, 0.0f};
    for (int k = 0; k < 4; k++) {
        const unsigned char *texel = map + (k < 2 ? at->upper : at->lower) + 3 * (k & 1);
        sum.x += at->w[k] * linear_of_code[texel[0]];
        sum.y += at->w[k] * linear_of_code[texel[1]];
        sum.z += at->w[k] * linear_of_code[texel[2]];
    }
    return sum;
}

// Bilinear rise along u and down v in codes from level, and share of the narrow highlight, of a relief map.
DEVICE Vec relief_at(const unsigned char *map, const Texels *at) {
    Vec sum = {-128.0f, -128.0f, 0.0f};
    for (int k = 0; k < 4; k++) {
        const unsigned char *texel = map + (k < 2 ? at->upper : at->lower) + 3 * (k & 1);
        sum.x += at->w[k] * (float)texel[0];
        sum.y += at->w[k] * (float)texel[1];
        sum.z += at->w[k] * (float)texel[2];
    }
    sum.z = sum.z * (float)(1.0 / 255.0);
    return sum;
}

// Ratio of a face's area in texels to its area in pixels, at least 1.
DEVICE double texels_a_pixel(const Scene *scene, const Point *at, long long f, long long height, long long width) {
    const double *i = scene->seen + 5LL * scene->faces[3 * f], *j = scene->seen + 5LL * scene->faces[3 * f + 1];
    const double *k = scene->seen + 5LL * scene->faces[3 * f + 2];
    double pixels = (j[3] - i[3]) * (k[4] - i[4]) - (k[3] - i[3]) * (j[4] - i[4]);
    float uv = (at->b[UV] - at->a[UV]) * (at->c[UV + 1] - at->a[UV + 1]);
    uv -= (at->c[UV] - at->a[UV]) * (at->b[UV + 1] - at->a[UV + 1]);
    return MAX((double)fabsf(uv) * (double)(height * width) / MAX(fabs(pixels), 1e-6), 1.0);
}

// Which of `count` maps, each half the size of the one before, has about one texel a pixel.
DEVICE long long smaller(double spread, long long count) {
    long long level = 0;
    for (; spread > 2.0 && level < count - 1; level++) spread *= 0.25;
    return level;
}

// Turns the normal as on a surface that rises by rise_u and rise_v metres per unit of u and v: see shade.py, _tilt.
DEVICE void tilt(Point *at, float rise_u, float rise_v) {
    float a = at->b[UV] - at->a[UV], b = at->b[UV + 1] - at->a[UV + 1];
    float c = at->c[UV] - at->a[UV], d = at->c[UV + 1] - at->a[UV + 1];
    const float *i = at->a + POSITION, *j = at->b + POSITION, *k = at->c + POSITION;
    Vec e = {j[0] - i[0], j[1] - i[1], j[2] - i[2]}, f = {k[0] - i[0], k[1] - i[1], k[2] - i[2]}, n = at->normal;
    float p = rise_u * a + rise_v * b, q = rise_u * c + rise_v * d;
    Vec bent = {p * f.x - q * e.x, p * f.y - q * e.y, p * f.z - q * e.z};
    float area = dot(n, cross(e, f));
    if (fabsf(area) < 1e-14f) return;
    Vec turn = scaled(cross(n, bent), 1.0f / area), sum = {n.x + turn.x, n.y + turn.y, n.z + turn.z};
    at->normal = scaled(sum, 1.0f / sqrtf(dot(sum, sum)));
}

// Multiplies the colour by the albedo map and tilts the normal by the relief map, both of one size.
DEVICE void textured(const Scene *scene, Point *at, long long f) {
    const long long *albedo = scene->albedo + 2 * at->m, *relief = scene->relief + 2 * at->m;
    at->oil = scene->oil[at->m];
    long long count = MAX(albedo[1], relief[1]);
    if (count == 0) return;
    const long long *largest = scene->mips + 3 * (albedo[1] > 0 ? albedo[0] : relief[0]);
    long long height = largest[1], width = largest[2];
    long long level = smaller(texels_a_pixel(scene, at, f, height, width), count);
    Texels texels = texels_at(largest[3 * level + 1], largest[3 * level + 2], at->u, at->v);
    if (albedo[1] > 0) {
        Vec color = albedo_at(scene->texels + largest[3 * level], scene->linear_of_code, &texels);
        at->color.x *= color.x, at->color.y *= color.y, at->color.z *= color.z;
    }
    if (relief[1] > 0) {
        Vec rise = relief_at(scene->texels + scene->mips[3 * (relief[0] + level)], &texels);
        at->oil *= rise.z;
        tilt(at, rise.x * RELIEF_STEP_M * (float)width, -rise.y * RELIEF_STEP_M * (float)height);
    }
}

// Lit share with the light that nearby surfaces of the same albedo hand on.
DEVICE float bounced(float lit, float albedo) {
    float a = 2.0404f * albedo - 0.3324f, b = -4.7951f * albedo + 0.6417f, c = 2.7552f * albedo + 0.6903f;
    return MAX(lit, ((lit * a + b) * lit + c) * lit);
}

// Share of the light from a direction that nothing keeps away.
DEVICE float open_to(const Point *at, Vec d) {
    float share = ((at->open[0] + at->open[1] * d.x) + at->open[2] * d.y) + at->open[3] * d.z;
    return CLAMP(share, 0.0f, 1.0f);
}

// Share of light that leaves as highlight: row m of the table at the cosine to the eye.
DEVICE float reflected(const Scene *scene, float specular, long long m, float cosine) {
    long long last = scene->sizes->steps - 1;
    float position = CLAMP(cosine, 0.0f, 1.0f) * (float)last;
    long long n = MIN((long long)position, last - 1);
    const float *at = scene->reflect + 2 * (m * (last + 1) + n);
    float t = position - (float)n, scale = at[0] + t * (at[2] - at[0]), bias = at[1] + t * (at[3] - at[1]);
    return specular * scale + bias;
}

DEVICE Vec mirrored(Vec normal, float cosine, Vec to_eye) {
    Vec d = {
        2.0f * cosine * normal.x - to_eye.x, 2.0f * cosine * normal.y - to_eye.y, 2.0f * cosine * normal.z - to_eye.z,
    };
    return d;
}

// Matt or skin-like reflection below, a broad and a narrow highlight on top.
DEVICE Vec opaque(const Scene *scene, const Point *at) {
    long long m = at->m, narrow_m = scene->sizes->materials + m, size = scene->sizes->mirrored;
    float specular = scene->specular[m], oil = at->oil, cosine = dot(at->normal, at->to_eye);
    Vec even = lookup(scene->received, scene->sizes->received, m * scene->sizes->received, at->normal);
    Vec d = mirrored(at->normal, cosine, at->to_eye);
    float share = (1.0f - oil) * reflected(scene, specular, m, cosine);
    Vec gloss = scaled(lookup(scene->mirrored, size, m * size, d), share);
    if (oil > 0) {
        float narrow = oil * reflected(scene, specular, narrow_m, cosine);
        Vec more = lookup(scene->mirrored, size, narrow_m * size, d);
        gloss.x = gloss.x + narrow * more.x, gloss.y = gloss.y + narrow * more.y, gloss.z = gloss.z + narrow * more.z;
        share = share + narrow;
    }
    float under = 1.0f - share, over = open_to(at, d);
    Vec paint = at->color, lit = at->lit, color = {
        paint.x * even.x * bounced(lit.x, paint.x) * under + over * gloss.x,
        paint.y * even.y * bounced(lit.y, paint.y) * under + over * gloss.y,
        paint.z * even.z * bounced(lit.z, paint.z) * under + over * gloss.z,
    };
    return color;
}

// A transparent shell over what it covers: Schlick's share of that gives way to a sharp mirror.
DEVICE Vec through(const Scene *scene, const Point *at, Vec below) {
    float cosine = dot(at->normal, at->to_eye), grazing = 1.0f - CLAMP(cosine, 0.0f, 1.0f);
    float f0 = scene->specular[at->m];
    float share = f0 + (1.0f - f0) * (grazing * grazing) * (grazing * grazing) * grazing;
    Vec d = mirrored(at->normal, cosine, at->to_eye), light = lookup(scene->sharp, scene->sizes->sharp, 0, d);
    float lit = share * open_to(at, d), rest = 1.0f - share;
    Vec color = {below.x * rest + lit * light.x, below.y * rest + lit * light.y, below.z * rest + lit * light.z};
    return color;
}

DEVICE Vec shaded(const Scene *scene, long long f, const float *weight, Vec ray) {
    Point at = gather(scene, f, weight, ray);
    textured(scene, &at, f);
    return opaque(scene, &at);
}

DEVICE void put(float *place, Vec color) { place[0] = color.x, place[1] = color.y, place[2] = color.z; }

#define SCENE const int *faces, const float *facet, const float *vertex, const unsigned char *material, \
              const long long *mips, const unsigned char *texels, const float *linear_of_code, \
              const float *specular, const float *oil, const float *reflect, const long long *albedo, \
              const long long *relief, const float *received, const float *mirror, const float *sharp, \
              const Sizes *sizes, const double *seen, const double *columns, const double *rows, const double *T, \
              const Lens *lens
#define SCENE_NAMES faces, facet, vertex, material, mips, texels, linear_of_code, specular, oil, reflect, albedo, \
                    relief, received, mirror, sharp, sizes, seen, columns, rows, T, lens
#define MAKE_SCENE Scene scene = {SCENE_NAMES}

// The four samples of the marked pixels, opaque first, then the shell over it; the background where neither is.
DEVICE void shade_samples_one(
    long long n, SCENE, const int *pixel_of, const int *solid_ids, const int *shell_ids, const float *solid_weights,
    const float *shell_weights, const float *background, float *color
) {
    MAKE_SCENE;
    long long width = (long long)lens->width, pixel = pixel_of[n / 4], q = n % 4;
    long long r = 2 * (pixel / width) + (q >> 1), c = 2 * (pixel % width) + (q & 1);
    Vec ray = aim(&scene, columns[c], rows[r]);
    Vec here = {background[3 * pixel], background[3 * pixel + 1], background[3 * pixel + 2]};
    if (solid_ids[n] >= 0) here = shaded(&scene, solid_ids[n], solid_weights + 3 * n, ray);
    if (shell_ids[n] >= 0) {
        Point at = gather(&scene, shell_ids[n], shell_weights + 3 * n, ray);
        here = through(&scene, &at, here);
    }
    put(color + 3 * n, here);
}
KERNEL(shade_samples,
       (SCENE, const int *pixel_of, const int *solid_ids, const int *shell_ids, const float *solid_weights,
        const float *shell_weights, const float *background, float *color),
       (SCENE_NAMES, pixel_of, solid_ids, shell_ids, solid_weights, shell_weights, background, color))

// Pixels: the mean of four samples, or one at the centre. `rgb` comes as the background, `alpha` as 0.
DEVICE void shade_pixels_one(
    long long n, SCENE, const int *ids, const double *weights, const int *slot, const int *solid_ids,
    const float *color, float *rgb, float *alpha
) {
    MAKE_SCENE;
    if (slot[n] >= 0) {
        Vec sum = {0.0f, 0.0f, 0.0f};
        for (long long at = 4LL * slot[n]; at < 4LL * slot[n] + 4; at++) {
            sum.x += 0.25f * color[3 * at], sum.y += 0.25f * color[3 * at + 1], sum.z += 0.25f * color[3 * at + 2];
            if (solid_ids[at] >= 0) alpha[n] += 0.25f;
        }
        put(rgb + 3 * n, sum);
    } else if (ids[n] >= 0) {
        long long width = (long long)lens->width, r = 2 * (n / width), c = 2 * (n % width);
        Vec ray = aim(&scene, 0.5 * (columns[c] + columns[c + 1]), 0.5 * (rows[r] + rows[r + 1]));
        float weight[3] = {(float)weights[3 * n], (float)weights[3 * n + 1], (float)weights[3 * n + 2]};
        put(rgb + 3 * n, shaded(&scene, ids[n], weight, ray));
        alpha[n] = 1.0f;
    }
}
KERNEL(shade_pixels,
       (SCENE, const int *ids, const double *weights, const int *slot, const int *solid_ids, const float *color,
        float *rgb, float *alpha),
       (SCENE_NAMES, ids, weights, slot, solid_ids, color, rgb, alpha))
