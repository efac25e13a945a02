// The label core for a GPU: the arithmetic of renderers/kernels, in the same order, so that every bit agrees.
//
// Nothing here depends on the order of items: depths and ids are lowered by atomic minima, marks are only set.

#include "launch.cuh"

#define BOX_MARGIN_PX 1e-6 // As in renderers/kernels/triangles.py; a test compares them.
#define BIN_PX 4
#define SEEN 0
#define HIDDEN 1
#define OUTSIDE 2

typedef struct {
    const int *face;         // (F,) -1 or a row of sheets
    const float *uv;         // (V, 2)
    const long long *sheets; // (C, 3) offset, height, width
    const unsigned char *texels;
} Cuts;

typedef struct {
    double x0, y0, w0, x1, y1, w1, x2, y2, w2, det, za, zb, zc;
    long long i, j, k;
} Face;

typedef struct {
    double u_low, u_high, v_low, v_high;
} Box;

// See renderers/lens.py: distort.
DEVICE void distort(const Lens *lens, double *x, double *y) {
    double r = sqrt(*x * *x + *y * *y), t = r > lens->reach ? lens->reach / r : 1.0;
    double bx = *x * t, by = *y * t, beyond = MAX(r - lens->reach, 0.0) / lens->reach;
    double s = bx * bx + by * by, f = 1.0 + s * (lens->k1 + s * (lens->k2 + s * lens->k3));
    double tx = 2.0 * lens->p1 * (bx * by) + lens->p2 * (s + 2.0 * (bx * bx));
    double ty = lens->p1 * (s + 2.0 * (by * by)) + 2.0 * lens->p2 * (bx * by);
    double slope = 1.0 + s * (3.0 * lens->k1 + s * (5.0 * lens->k2 + s * (7.0 * lens->k3)));
    *x = (bx * f + tx) + beyond * (bx * slope + 2.0 * tx), *y = (by * f + ty) + beyond * (by * slope + 2.0 * ty);
}

DEVICE void see_one(long long n, const double *points, const double *T, const Lens *lens, double *seen) {
    double px = points[3 * n], py = points[3 * n + 1], pz = points[3 * n + 2];
    double x = ((T[0] * px + T[1] * py) + T[2] * pz) + T[3];
    double y = ((T[4] * px + T[5] * py) + T[6] * pz) + T[7];
    double z = ((T[8] * px + T[9] * py) + T[10] * pz) + T[11];
    double w = lens->orthographic ? 1.0 : z;
    seen[5 * n] = x, seen[5 * n + 1] = y, seen[5 * n + 2] = z;
    double shown_x = x / w, shown_y = y / w;
    if (lens->distorted) distort(lens, &shown_x, &shown_y);
    seen[5 * n + 3] = lens->fx * shown_x + lens->cx;
    seen[5 * n + 4] = lens->fy * shown_y + lens->cy;
}
KERNEL(see, (const double *points, const double *T, const Lens *lens, double *seen), (points, T, lens, seen))

DEVICE void grow(Box *box, double u, double v) {
    box->u_low = MIN(box->u_low, u), box->u_high = MAX(box->u_high, u);
    box->v_low = MIN(box->v_low, v), box->v_high = MAX(box->v_high, v);
}

DEVICE Box clipped_box(const double *seen, const long long corner[3], const Lens *lens) {
    Box box = {INF, -INF, INF, -INF};
    double plane = 0.5 * NEAR_M;
    for (int side = 0; side < 3; side++) {
        const double *a = seen + 5 * corner[side], *b = seen + 5 * corner[(side + 1) % 3];
        if (a[2] > plane) grow(&box, a[3], a[4]);
        if ((a[2] > plane) != (b[2] > plane)) {
            double t = (plane - a[2]) / (b[2] - a[2]);
            double x = a[0] + t * (b[0] - a[0]), y = a[1] + t * (b[1] - a[1]);
            grow(&box, lens->fx * (x / plane) + lens->cx, lens->fy * (y / plane) + lens->cy);
        }
    }
    Box wider = {box.u_low - 1.0, box.u_high + 1.0, box.v_low - 1.0, box.v_high + 1.0};
    return wider;
}

// See renderers/kernels/triangles.py: _bow.
DEVICE double bow_of(const double *a, const double *b, const double *c, const Lens *lens) {
    double ax = a[0] / a[2], ay = a[1] / a[2], bx = b[0] / b[2], by = b[1] / b[2], cx = c[0] / c[2], cy = c[1] / c[2];
    double ab = (bx - ax) * (bx - ax) + (by - ay) * (by - ay), bc = (cx - bx) * (cx - bx) + (cy - by) * (cy - by);
    double ca = (ax - cx) * (ax - cx) + (ay - cy) * (ay - cy), longest2 = MAX3(ab, bc, ca);
    double farthest2 = MAX3(ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy);
    double s = MIN(farthest2, lens->reach * lens->reach);
    double radial = sqrt(s) * (6.0 * fabs(lens->k1) + s * (20.0 * fabs(lens->k2) + s * (42.0 * fabs(lens->k3))));
    return (radial + 15.0 * (fabs(lens->p1) + fabs(lens->p2))) * longest2 / 6.0;
}

DEVICE Box box_of(const double *seen, const Face *face, const Lens *lens) {
    Box none = {INF, -INF, INF, -INF}, all = {-INF, INF, -INF, INF};
    const double *a = seen + 5 * face->i, *b = seen + 5 * face->j, *c = seen + 5 * face->k;
    if (!(MAX3(a[2], b[2], c[2]) > NEAR_M)) return none;
    if (MIN3(a[2], b[2], c[2]) <= NEAR_M && !lens->orthographic) {
        long long corner[3] = {face->i, face->j, face->k};
        if (lens->distorted) return all;
        return clipped_box(seen, corner, lens);
    }
    double margin_u = BOX_MARGIN_PX, margin_v = BOX_MARGIN_PX;
    if (lens->distorted) {
        double bow = bow_of(a, b, c, lens);
        if (!(bow < 1.0)) return all;
        margin_u += lens->fx * bow, margin_v += lens->fy * bow;
    }
    Box box = {
        MIN3(a[3], b[3], c[3]) - margin_u, MAX3(a[3], b[3], c[3]) + margin_u,
        MIN3(a[4], b[4], c[4]) - margin_v, MAX3(a[4], b[4], c[4]) + margin_v,
    };
    return box;
}

DEVICE int touches(const Box *box, const Lens *lens) {
    return box->u_high > 0 && box->u_low < lens->width && box->v_high > 0 && box->v_low < lens->height;
}

DEVICE Face corners_of(const int *faces, long long f) {
    Face face;
    face.i = faces[3 * f], face.j = faces[3 * f + 1], face.k = faces[3 * f + 2];
    return face;
}

// Homogeneous edge functions, turned so that they are positive inside (renderers/kernels/triangles.py: _edges).
DEVICE void set_edges(Face *face, const double *seen, const Lens *lens) {
    const double *a = seen + 5 * face->i, *b = seen + 5 * face->j, *c = seen + 5 * face->k;
    double aw = lens->orthographic ? 1.0 : a[2], bw = lens->orthographic ? 1.0 : b[2];
    double cw = lens->orthographic ? 1.0 : c[2];
    double x0 = b[1] * cw - bw * c[1], y0 = bw * c[0] - b[0] * cw, w0 = b[0] * c[1] - b[1] * c[0];
    double x1 = c[1] * aw - cw * a[1], y1 = cw * a[0] - c[0] * aw, w1 = c[0] * a[1] - c[1] * a[0];
    double x2 = a[1] * bw - aw * b[1], y2 = aw * b[0] - a[0] * bw, w2 = a[0] * b[1] - a[1] * b[0];
    double det = (a[0] * x0 + a[1] * y0) + aw * w0;
    double s = det > 0 ? 1.0 : -1.0;
    face->x0 = s * x0, face->y0 = s * y0, face->w0 = s * w0;
    face->x1 = s * x1, face->y1 = s * y1, face->w1 = s * w1;
    face->x2 = s * x2, face->y2 = s * y2, face->w2 = s * w2;
    face->det = s * det, face->za = a[2], face->zb = b[2], face->zc = c[2];
}

DEVICE int owned(double e, double x, double y) { return e > 0 || (e == 0 && (x > 0 || (x == 0 && y > 0))); }

DEVICE double depth_of(const Face *face, const Lens *lens, double e0, double e1, double e2, double total) {
    double z = lens->orthographic ? ((e0 * face->za + e1 * face->zb) + e2 * face->zc) / total : face->det / total;
    z = MAX(z, MIN3(face->za, face->zb, face->zc));
    return MIN(z, MAX3(face->za, face->zb, face->zc));
}

DEVICE int kept(const Cuts *cuts, const Face *face, long long f, double b0, double b1, double b2) {
    if (cuts->face[f] < 0) return 1;
    const long long *sheet = cuts->sheets + 3 * cuts->face[f];
    const float *ti = cuts->uv + 2 * face->i, *tj = cuts->uv + 2 * face->j, *tk = cuts->uv + 2 * face->k;
    double u = (b0 * ti[0] + b1 * tj[0]) + b2 * tk[0], v = (b0 * ti[1] + b1 * tj[1]) + b2 * tk[1];
    long long height = sheet[1], width = sheet[2];
    long long column = (long long)floor(u * width), row = (long long)floor((1.0 - v) * height);
    column = MIN(MAX(column, 0), width - 1), row = MIN(MAX(row, 0), height - 1);
    return cuts->texels[sheet[0] + row * width + column] >= 128;
}

// The ray of pixel (r, c): the tables are (W,) and (H,), or both (H, W) where a lens bends rows and columns.
DEVICE double ray_x(const double *columns, const Lens *lens, long long r, long long c) {
    return lens->distorted ? columns[r * (long long)lens->width + c] : columns[c];
}
DEVICE double ray_y(const double *rows, const Lens *lens, long long r, long long c) {
    return lens->distorted ? rows[r * (long long)lens->width + c] : rows[r];
}

// Depth of face f at a pixel centre and its weights there; 0 where it is not seen, which no depth is.
DEVICE double sample(const Face *face, const Lens *lens, const Cuts *cuts, long long f, double x, double y, double *b) {
    double e0 = face->x0 * x + (face->y0 * y + face->w0), e1 = face->x1 * x + (face->y1 * y + face->w1);
    double e2 = face->x2 * x + (face->y2 * y + face->w2), total = (e0 + e1) + e2;
    if (!(e0 >= 0 && e1 >= 0 && e2 >= 0 && total > 0)) return 0.0;
    if (!(owned(e0, face->x0, face->y0) && owned(e1, face->x1, face->y1) && owned(e2, face->x2, face->y2))) return 0.0;
    double z = depth_of(face, lens, e0, e1, e2, total);
    b[0] = e0 / total, b[1] = e1 / total, b[2] = e2 / total;
    return z > NEAR_M && kept(cuts, face, f, b[0], b[1], b[2]) ? z : 0.0;
}

// Both passes of the raster walk the pixels of a face's box; a warp shares them. The first pass lowers depths, the
// second, among the faces at that depth, ids.
DEVICE void raster_face(
    long long n, const double *seen, const int *faces, const unsigned char *wanted, const double *columns,
    const double *rows, const Lens *lens, const Cuts *cuts, u64 *depth, int *ids, int second
) {
    long long f = n / LANES, lane = n % LANES;
    if (!wanted[f]) return;
    Face face = corners_of(faces, f);
    Box box = box_of(seen, &face, lens);
    if (!touches(&box, lens)) return;
    long long c0 = (long long)ceil(MAX(box.u_low, 0.5) - 0.5), r0 = (long long)ceil(MAX(box.v_low, 0.5) - 0.5);
    long long wide = (long long)floor(MIN(box.u_high, lens->width - 0.5) + 0.5) - c0;
    long long high = (long long)floor(MIN(box.v_high, lens->height - 0.5) + 0.5) - r0;
    if (wide <= 0 || high <= 0) return;
    set_edges(&face, seen, lens);
    if (!(face.det > 0)) return;
    double b[3];
    for (long long p = lane; p < wide * high; p += LANES) {
        long long r = r0 + p / wide, c = c0 + p % wide, pixel = r * (long long)lens->width + c;
        double z = sample(&face, lens, cuts, f, ray_x(columns, lens, r, c), ray_y(rows, lens, r, c), b);
        if (!(z > 0)) continue;
        if (!second) LOWER_U64(depth + pixel, BITS(z));
        else if (BITS(z) == depth[pixel]) LOWER_INT(ids + pixel, (int)f);
    }
}

#define SCENE const double *seen, const int *faces, const unsigned char *wanted, const Lens *lens, const int *cut, \
              const float *uv, const long long *sheets, const unsigned char *texels
#define CUTS Cuts cuts = {cut, uv, sheets, texels}

DEVICE void nearest_depth_one(long long n, SCENE, const double *columns, const double *rows, u64 *depth) {
    CUTS;
    raster_face(n, seen, faces, wanted, columns, rows, lens, &cuts, depth, 0, 0);
}
KERNEL(nearest_depth, (SCENE, const double *columns, const double *rows, u64 *depth),
       (seen, faces, wanted, lens, cut, uv, sheets, texels, columns, rows, depth))

DEVICE void lowest_id_one(long long n, SCENE, const double *columns, const double *rows, u64 *depth, int *ids) {
    CUTS;
    raster_face(n, seen, faces, wanted, columns, rows, lens, &cuts, depth, ids, 1);
}
KERNEL(lowest_id, (SCENE, const double *columns, const double *rows, u64 *depth, int *ids),
       (seen, faces, wanted, lens, cut, uv, sheets, texels, columns, rows, depth, ids))

// Weights and depth again from the face that won; the same numbers as in the passes, as nothing is rounded anew.
DEVICE void resolve_one(
    long long pixel, SCENE, const double *columns, const double *rows, int *ids, double *weights, double *depth_axis_m
) {
    CUTS;
    double *b = weights + 3 * pixel;
    if (ids[pixel] == NO_FACE) {
        ids[pixel] = -1, b[0] = b[1] = b[2] = depth_axis_m[pixel] = 0.0;
        return;
    }
    (void)wanted;
    long long width = (long long)lens->width, f = ids[pixel], r = pixel / width, c = pixel % width;
    Face face = corners_of(faces, f);
    set_edges(&face, seen, lens);
    depth_axis_m[pixel] = sample(&face, lens, &cuts, f, ray_x(columns, lens, r, c), ray_y(rows, lens, r, c), b);
}
KERNEL(resolve, (SCENE, const double *columns, const double *rows, int *ids, double *weights, double *depth_axis_m),
       (seen, faces, wanted, lens, cut, uv, sheets, texels, columns, rows, ids, weights, depth_axis_m))

// What a hit carries; `table` is (V, 8): position, normal, uv.
DEVICE void attributes_one(
    long long pixel, const int *ids, const double *weights, const int *faces, const double *table,
    const unsigned char *part, const double *T, float *normal, float *uv, unsigned char *parts, double *points
) {
    if (ids[pixel] < 0) return;
    long long f = ids[pixel];
    const double *i = table + 8LL * faces[3 * f], *j = table + 8LL * faces[3 * f + 1], *k = table + 8LL * faces[3 * f + 2];
    const double *b = weights + 3 * pixel;
    double here[8];
    for (int q = 0; q < 8; q++) here[q] = (b[0] * i[q] + b[1] * j[q]) + b[2] * k[q];
    double x = (T[0] * here[3] + T[1] * here[4]) + T[2] * here[5];
    double y = (T[4] * here[3] + T[5] * here[4]) + T[6] * here[5];
    double z = (T[8] * here[3] + T[9] * here[4]) + T[10] * here[5];
    double length = sqrt((x * x + y * y) + z * z), scale = 1.0 / length;
    int flat = !(length > 0);
    normal[3 * pixel] = (float)(flat ? 0.0 : x * scale), normal[3 * pixel + 1] = (float)(flat ? 0.0 : y * scale);
    normal[3 * pixel + 2] = (float)(flat ? -1.0 : z * scale);
    uv[2 * pixel] = (float)here[6], uv[2 * pixel + 1] = (float)here[7];
    points[3 * pixel] = here[0], points[3 * pixel + 1] = here[1], points[3 * pixel + 2] = here[2];
    parts[pixel] = part[f];
}
KERNEL(attributes,
       (const int *ids, const double *weights, const int *faces, const double *table, const unsigned char *part,
        const double *T, float *normal, float *uv, unsigned char *parts, double *points),
       (ids, weights, faces, table, part, T, normal, uv, parts, points))

// Irregular z-buffer: which bin of the image each point falls in, and how many each bin holds.
DEVICE void bin_points_one(long long n, const double *seen, const Lens *lens, unsigned char *code, int *bin, int *held) {
    double z = seen[5 * n + 2], u = seen[5 * n + 3], v = seen[5 * n + 4];
    code[n] = OUTSIDE, bin[n] = -1;
    if (!(z > NEAR_M && u >= 0 && u < lens->width && v >= 0 && v < lens->height)) return;
    int across = ((int)lens->width + BIN_PX - 1) / BIN_PX;
    code[n] = SEEN, bin[n] = (int)v / BIN_PX * across + (int)u / BIN_PX;
    TAKE_ONE(held + bin[n]);
}
KERNEL(bin_points, (const double *seen, const Lens *lens, unsigned char *code, int *bin, int *held),
       (seen, lens, code, bin, held))

DEVICE void fill_bins_one(long long n, const int *bin, int *next, int *member) {
    if (bin[n] >= 0) member[TAKE_ONE(next + bin[n])] = (int)n;
}
KERNEL(fill_bins, (const int *bin, int *next, int *member), (bin, next, member))

DEVICE int hides(
    const Face *face, const Lens *lens, const Cuts *cuts, const Box *box, long long f, const double *point
) {
    double w = lens->orthographic ? 1.0 : point[2], x = point[0] / w, y = point[1] / w;
    double e0 = face->x0 * x + (face->y0 * y + face->w0), e1 = face->x1 * x + (face->y1 * y + face->w1);
    double e2 = face->x2 * x + (face->y2 * y + face->w2), total = (e0 + e1) + e2;
    if (!(e0 >= 0 && e1 >= 0 && e2 >= 0 && total > 0 && face->det > 0)) return 0;
    if (point[3] < box->u_low || point[3] > box->u_high || point[4] < box->v_low || point[4] > box->v_high) return 0;
    double z = depth_of(face, lens, e0, e1, e2, total);
    if (!(z > NEAR_M && z < point[2] * (1.0 - 1e-9))) return 0;
    return kept(cuts, face, f, e0 / total, e1 / total, e2 / total);
}

// A warp takes one face and shares the points of the bins that its box touches. `start` is (bins + 1,).
DEVICE void hide_one(
    long long n, SCENE, const double *points, const int *own_face, const int *start, const int *member,
    unsigned char *code
) {
    CUTS;
    long long f = n / LANES, lane = n % LANES;
    if (!wanted[f]) return;
    Face face = corners_of(faces, f);
    Box box = box_of(seen, &face, lens);
    if (!touches(&box, lens)) return;
    long long across = ((long long)lens->width + BIN_PX - 1) / BIN_PX;
    long long c0 = (long long)MAX(box.u_low, 0.0) / BIN_PX, c1 = (long long)MIN(box.u_high, lens->width - 1.0) / BIN_PX;
    long long r0 = (long long)MAX(box.v_low, 0.0) / BIN_PX, r1 = (long long)MIN(box.v_high, lens->height - 1.0) / BIN_PX;
    set_edges(&face, seen, lens);
    for (long long r = r0; r <= r1; r++) {
        for (long long slot = start[r * across + c0] + lane; slot < start[r * across + c1 + 1]; slot += LANES) {
            int p = member[slot];
            if (own_face[p] != f && hides(&face, lens, &cuts, &box, f, points + 5LL * p)) code[p] = HIDDEN;
        }
    }
}
KERNEL(hide,
       (SCENE, const double *points, const int *own_face, const int *start, const int *member, unsigned char *code),
       (seen, faces, wanted, lens, cut, uv, sheets, texels, points, own_face, start, member, code))
