// Which pixels need four samples, and what those see: renderers/kernels_color/coverage.py for a GPU.
//
// A twin in arithmetic, not in order: the nearest face at a sample, the lowest id among equals, whoever comes first.

#include "launch.cuh"

#define CREASE 0.75f // As in renderers/kernels_color/coverage.py; a test compares them.
#define JUMP_PX 6.0

typedef struct {
    double x[3], y[3], w[3]; // Homogeneous edge functions; negative inside where the face is seen from behind.
} Edges;

typedef struct {
    long long r0, r1, c0, c1; // First and last, counted in half pixels; empty where the last is below the first.
} Span;

typedef struct {
    const float *facet;            // (F, 3)
    const unsigned char *material; // (F,)
    const int *cut;                // (F,)
} Looks;

// Unit normals of flat faces, (F, 3): 0 for a face without area, and for fibres.
DEVICE void facets_one(
    long long f, const double *vertices, const int *faces, const unsigned char *fibre, float *facet
) {
    const double *a = vertices + 3LL * faces[3 * f], *b = vertices + 3LL * faces[3 * f + 1];
    const double *c = vertices + 3LL * faces[3 * f + 2];
    double px = b[0] - a[0], py = b[1] - a[1], pz = b[2] - a[2], qx = c[0] - a[0], qy = c[1] - a[1], qz = c[2] - a[2];
    double x = py * qz - pz * qy, y = pz * qx - px * qz, z = px * qy - py * qx, length = sqrt(x * x + y * y + z * z);
    int flat = length > 0 && !fibre[f];
    facet[3 * f] = flat ? (float)(x / length) : 0.0f;
    facet[3 * f + 1] = flat ? (float)(y / length) : 0.0f;
    facet[3 * f + 2] = flat ? (float)(z / length) : 0.0f;
}
KERNEL(facets,
       (const double *vertices, const int *faces, const unsigned char *fibre, float *facet),
       (vertices, faces, fibre, facet))

DEVICE int differ(const Looks *looks, int a, int b, double za, double zb, double step_m) {
    if (a < 0 || b < 0) return a != b;
    if (a == b) return 0;
    if (looks->material[a] != looks->material[b] || fabs(za - zb) > step_m) return 1;
    const float *p = looks->facet + 3LL * a, *q = looks->facet + 3LL * b;
    return (p[0] * q[0] + p[1] * q[1]) + p[2] * q[2] < CREASE;
}

// A pixel looks right and down and marks both sides of what it finds; marks are only set, so who looks first is alike.
DEVICE void mark_edges_one(
    long long n, const int *ids, const double *depth, const float *facet, const unsigned char *material, const int *cut,
    const Lens *lens, unsigned char *mark
) {
    Looks looks = {facet, material, cut};
    long long width = (long long)lens->width, height = (long long)lens->height, r = n / width, c = n % width;
    int a = ids[n];
    double step_m = JUMP_PX / lens->fx * (lens->orthographic ? 1.0 : depth[n]);
    if (a >= 0 && looks.cut[a] >= 0) mark[n] = 1;
    if (c + 1 < width && differ(&looks, a, ids[n + 1], depth[n], depth[n + 1], step_m)) mark[n] = mark[n + 1] = 1;
    if (r + 1 == height) return;
    long long below = n + width;
    if (differ(&looks, a, ids[below], depth[n], depth[below], step_m)) mark[n] = mark[below] = 1;
    if (c + 1 < width && (a < 0) != (ids[below + 1] < 0)) mark[n] = mark[below + 1] = 1;
    if (c > 0 && (a < 0) != (ids[below - 1] < 0)) mark[n] = mark[below - 1] = 1;
}
KERNEL(mark_edges,
       (const int *ids, const double *depth, const float *facet, const unsigned char *material, const int *cut,
        const Lens *lens, unsigned char *mark),
       (ids, depth, facet, material, cut, lens, mark))

// Sample s lies at (s + 0.5) / 2; truncation rounds down, as all numbers here are positive.
DEVICE long long first_of(double low) { return (long long)(2.0 * MAX(low, 0.0) + 0.5); }
DEVICE long long last_of(double high, double size) { return (long long)MIN(2.0 * high + 0.5, 2.0 * size) - 1; }

// The samples a face may hold.
DEVICE Span span_of(const double *seen, const int *corner, const Lens *lens) {
    const double *a = seen + 5LL * corner[0], *b = seen + 5LL * corner[1], *c = seen + 5LL * corner[2];
    Span none = {0, -1, 0, -1}, all = {0, 2 * (long long)lens->height - 1, 0, 2 * (long long)lens->width - 1};
    if (MAX3(a[2], b[2], c[2]) <= NEAR_M) return none;
    if (MIN3(a[2], b[2], c[2]) <= NEAR_M && !lens->orthographic) return all;
    double c0 = MIN3(a[3], b[3], c[3]), c1 = MAX3(a[3], b[3], c[3]);
    double r0 = MIN3(a[4], b[4], c[4]), r1 = MAX3(a[4], b[4], c[4]);
    if (!(c1 >= 0 && r1 >= 0 && c0 < lens->width && r0 < lens->height)) return none;
    Span span = {first_of(r0), last_of(r1, lens->height), first_of(c0), last_of(c1, lens->width)};
    return span;
}

// LANES threads share a transparent shell's box and mark its pixels.
DEVICE void mark_shells_one(
    long long n, const double *seen, const int *faces, const unsigned char *wanted, const Lens *lens, unsigned char *mark
) {
    long long f = n / LANES, lane = n % LANES, width = (long long)lens->width;
    if (wanted[f]) return;
    Span span = span_of(seen, faces + 3 * f, lens);
    if (span.r1 < span.r0 || span.c1 < span.c0) return;
    long long top = span.r0 >> 1, left = span.c0 >> 1, wide = (span.c1 >> 1) - left + 1;
    long long high = (span.r1 >> 1) - top + 1;
    for (long long p = lane; p < wide * high; p += LANES) mark[(top + p / wide) * width + left + p % wide] = 1;
}
KERNEL(mark_shells,
       (const double *seen, const int *faces, const unsigned char *wanted, const Lens *lens, unsigned char *mark),
       (seen, faces, wanted, lens, mark))

DEVICE Edges edges_of(const double *seen, const int *corner, const Lens *lens) {
    Edges edges;
    for (int side = 0; side < 3; side++) {
        const double *b = seen + 5LL * corner[(side + 1) % 3], *c = seen + 5LL * corner[(side + 2) % 3];
        double bw = lens->orthographic ? 1.0 : b[2], cw = lens->orthographic ? 1.0 : c[2];
        edges.x[side] = b[1] * cw - bw * c[1];
        edges.y[side] = bw * c[0] - b[0] * cw;
        edges.w[side] = b[0] * c[1] - b[1] * c[0];
    }
    return edges;
}

typedef struct {
    const double *seen, *columns, *rows;
    const int *faces, *cut;
    const float *uv;
    const long long *sheets;
    const unsigned char *texels;
    const Lens *lens;
} Scene;

// Whether an alpha map keeps the point with weights b: its nearest texel is at least 128.
DEVICE int kept(const Scene *scene, const int *corner, long long f, const double *b) {
    if (scene->cut[f] < 0) return 1;
    const long long *sheet = scene->sheets + 3LL * scene->cut[f];
    const float *ti = scene->uv + 2LL * corner[0], *tj = scene->uv + 2LL * corner[1], *tk = scene->uv + 2LL * corner[2];
    double u = (b[0] * ti[0] + b[1] * tj[0]) + b[2] * tk[0], v = (b[0] * ti[1] + b[1] * tj[1]) + b[2] * tk[1];
    long long height = sheet[1], width = sheet[2];
    long long column = (long long)floor(u * width), row = (long long)floor((1.0 - v) * height);
    column = MIN(MAX(column, 0), width - 1), row = MIN(MAX(row, 0), height - 1);
    return scene->texels[sheet[0] + row * width + column] >= 128;
}

// Depth of face f at half pixel (r, c) and its weights there; 0 where it is not seen, which no depth is. Rounding may
// not bring a face nearer than its nearest corner, or two that lie flat on each other would differ by who came first.
DEVICE double sample(const Scene *scene, const Edges *edges, long long f, long long r, long long c, double *b) {
    const int *corner = scene->faces + 3 * f;
    double dx = scene->columns[c], dy = scene->rows[r], e[3];
    for (int side = 0; side < 3; side++) e[side] = (edges->x[side] * dx + edges->y[side] * dy) + edges->w[side];
    double total = (e[0] + e[1]) + e[2];
    if (total < 0) e[0] = -e[0], e[1] = -e[1], e[2] = -e[2], total = -total;
    if (!(e[0] >= 0 && e[1] >= 0 && e[2] >= 0 && total > 0)) return 0.0;
    double za = scene->seen[5LL * corner[0] + 2], zb = scene->seen[5LL * corner[1] + 2];
    double zc = scene->seen[5LL * corner[2] + 2];
    b[0] = e[0] / total, b[1] = e[1] / total, b[2] = e[2] / total;
    double z = (b[0] * za + b[1] * zb) + b[2] * zc;
    if (!(z > NEAR_M && z < INF) || !kept(scene, corner, f, b)) return 0.0;
    return MAX(z, MIN3(za, zb, zc));
}

// Both passes walk the samples of the marked pixels in a face's box, whose pixels LANES threads share. The first pass
// lowers depths, the second, among the faces at that depth, ids.
DEVICE void cover(long long n, const Scene *scene, const int *slot, u64 *near_z, int *ids, int second) {
    long long f = n / LANES, lane = n % LANES, width = (long long)scene->lens->width;
    Span span = span_of(scene->seen, scene->faces + 3 * f, scene->lens);
    if (span.r1 < span.r0 || span.c1 < span.c0) return;
    Edges edges = edges_of(scene->seen, scene->faces + 3 * f, scene->lens);
    long long top = span.r0 >> 1, left = span.c0 >> 1, wide = (span.c1 >> 1) - left + 1;
    long long high = (span.r1 >> 1) - top + 1;
    double b[3];
    for (long long p = lane; p < wide * high; p += LANES) {
        long long row = top + p / wide, column = left + p % wide, place = slot[row * width + column];
        if (place < 0) continue;
        for (int q = 0; q < 4; q++) {
            long long r = 2 * row + (q >> 1), c = 2 * column + (q & 1), at = 4 * place + q;
            if (r < span.r0 || r > span.r1 || c < span.c0 || c > span.c1) continue;
            double z = sample(scene, &edges, f, r, c, b);
            if (!(z > 0)) continue;
            if (!second) LOWER_U64(near_z + at, BITS(z));
            else if (BITS(z) == near_z[at]) LOWER_INT(ids + at, (int)f);
        }
    }
}

#define SCENE const double *seen, const double *columns, const double *rows, const int *faces, const int *cut, \
              const float *uv, const long long *sheets, const unsigned char *texels, const Lens *lens
#define SCENE_NAMES seen, columns, rows, faces, cut, uv, sheets, texels, lens
#define MAKE_SCENE Scene scene = {seen, columns, rows, faces, cut, uv, sheets, texels, lens}

// `near_z` and `ids` are (2, count, 4) in two pieces: of opaque faces (solid) and of transparent shells.
#define LAYERS u64 *solid_z, u64 *shell_z, int *solid_ids, int *shell_ids

DEVICE void nearest_sample_one(
    long long n, SCENE, const unsigned char *wanted, const int *slot, u64 *solid_z, u64 *shell_z
) {
    MAKE_SCENE;
    cover(n, &scene, slot, wanted[n / LANES] ? solid_z : shell_z, 0, 0);
}
KERNEL(nearest_sample, (SCENE, const unsigned char *wanted, const int *slot, u64 *solid_z, u64 *shell_z),
       (SCENE_NAMES, wanted, slot, solid_z, shell_z))

DEVICE void lowest_sample_one(long long n, SCENE, const unsigned char *wanted, const int *slot, LAYERS) {
    MAKE_SCENE;
    int solid = wanted[n / LANES];
    cover(n, &scene, slot, solid ? solid_z : shell_z, solid ? solid_ids : shell_ids, 1);
}
KERNEL(lowest_sample, (SCENE, const unsigned char *wanted, const int *slot, LAYERS),
       (SCENE_NAMES, wanted, slot, solid_z, shell_z, solid_ids, shell_ids))

DEVICE void weigh(const Scene *scene, long long n, const int *pixel_of, int *ids, float *weights) {
    if (ids[n] == NO_FACE) {
        ids[n] = -1;
        return;
    }
    long long width = (long long)scene->lens->width, pixel = pixel_of[n / 4], q = n % 4;
    long long r = 2 * (pixel / width) + (q >> 1), c = 2 * (pixel % width) + (q & 1);
    double b[3] = {0.0, 0.0, 0.0};
    Edges edges = edges_of(scene->seen, scene->faces + 3LL * ids[n], scene->lens);
    sample(scene, &edges, ids[n], r, c, b);
    for (int k = 0; k < 3; k++) weights[3 * n + k] = (float)b[k];
}

// Weights again from the faces that won; a shell behind what is opaque is not seen.
DEVICE void resolve_samples_one(
    long long n, SCENE, const int *pixel_of, LAYERS, float *solid_weights, float *shell_weights
) {
    MAKE_SCENE;
    weigh(&scene, n, pixel_of, solid_ids, solid_weights);
    weigh(&scene, n, pixel_of, shell_ids, shell_weights);
    if (shell_z[n] > solid_z[n]) shell_ids[n] = -1;
}
KERNEL(resolve_samples, (SCENE, const int *pixel_of, LAYERS, float *solid_weights, float *shell_weights),
       (SCENE_NAMES, pixel_of, solid_z, shell_z, solid_ids, shell_ids, solid_weights, shell_weights))
