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

DEVICE void project(const double *point, const View *view, double *seen) {
    const double *T = view->T;
    const Lens *lens = &view->lens;
    double px = point[0], py = point[1], pz = point[2];
    double x = ((T[0] * px + T[1] * py) + T[2] * pz) + T[3];
    double y = ((T[4] * px + T[5] * py) + T[6] * pz) + T[7];
    double z = ((T[8] * px + T[9] * py) + T[10] * pz) + T[11];
    double w = lens->orthographic ? 1.0 : z;
    seen[0] = x, seen[1] = y, seen[2] = z;
    double shown_x = x / w, shown_y = y / w;
    if (lens->distorted) distort(lens, &shown_x, &shown_y);
    seen[3] = lens->fx * shown_x + lens->cx;
    seen[4] = lens->fy * shown_y + lens->cy;
}

// Every view's own vertices.
DEVICE void see_vertices_one(long long v, long long n, const View *views) {
    const View *view = views + v;
    if (n < view->vertex_count) project(view->vertices + 3 * n, view, view->seen + 5 * n);
}
KERNEL_OF_VIEWS(see_vertices, (const View *views), (views))

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

// Vertices that are no numbers make boxes without an order, which touch nothing: nobody may look there for a pixel.
DEVICE int touches(const Box *box, const Lens *lens) {
    if (!(box->u_low <= box->u_high && box->v_low <= box->v_high)) return 0;
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

DEVICE int kept(const View *view, const Face *face, long long f, double b0, double b1, double b2) {
    if (view->cut[f] < 0) return 1;
    const long long *sheet = view->sheets + 3 * view->cut[f];
    const float *ti = view->uv + 2 * face->i, *tj = view->uv + 2 * face->j, *tk = view->uv + 2 * face->k;
    double u = (b0 * ti[0] + b1 * tj[0]) + b2 * tk[0], v = (b0 * ti[1] + b1 * tj[1]) + b2 * tk[1];
    long long height = sheet[1], width = sheet[2];
    long long column = (long long)floor(u * width), row = (long long)floor((1.0 - v) * height);
    column = MIN(MAX(column, 0), width - 1), row = MIN(MAX(row, 0), height - 1);
    return view->texels[sheet[0] + row * width + column] >= 128;
}

// The ray of a pixel, which a lens gives to every pixel by itself.
DEVICE double ray_x(const View *view, long long r, long long c) {
    return view->columns[view->lens.distorted ? r * (long long)view->lens.width + c : c];
}
DEVICE double ray_y(const View *view, long long r, long long c) {
    return view->rows[view->lens.distorted ? r * (long long)view->lens.width + c : r];
}

// Depth of face f at a pixel centre and its weights there; 0 where it is not seen, which no depth is.
DEVICE double sample(const Face *face, const View *view, long long f, long long r, long long c, double *b) {
    double x = ray_x(view, r, c), y = ray_y(view, r, c);
    double e0 = face->x0 * x + (face->y0 * y + face->w0), e1 = face->x1 * x + (face->y1 * y + face->w1);
    double e2 = face->x2 * x + (face->y2 * y + face->w2), total = (e0 + e1) + e2;
    if (!(e0 >= 0 && e1 >= 0 && e2 >= 0 && total > 0)) return 0.0;
    if (!(owned(e0, face->x0, face->y0) && owned(e1, face->x1, face->y1) && owned(e2, face->x2, face->y2))) return 0.0;
    double z = depth_of(face, &view->lens, e0, e1, e2, total);
    b[0] = e0 / total, b[1] = e1 / total, b[2] = e2 / total;
    return z > NEAR_M && kept(view, face, f, b[0], b[1], b[2]) ? z : 0.0;
}

DEVICE long long pixels_of(const View *view) { return (long long)view->lens.height * (long long)view->lens.width; }

// Both passes of the raster walk the pixels of a face's box; LANES threads share them. The first pass lowers depths,
// the second, among the faces at that depth, ids.
DEVICE void raster_face(long long n, const View *view, u64 *depth, int *ids, int second) {
    long long f = n / LANES, lane = n % LANES;
    if (f >= view->face_count || !view->wanted[f]) return;
    const Lens *lens = &view->lens;
    Face face = corners_of(view->faces, f);
    Box box = box_of(view->seen, &face, lens);
    if (!touches(&box, lens)) return;
    long long c0 = (long long)ceil(MAX(box.u_low, 0.5) - 0.5), r0 = (long long)ceil(MAX(box.v_low, 0.5) - 0.5);
    long long wide = (long long)floor(MIN(box.u_high, lens->width - 0.5) + 0.5) - c0;
    long long high = (long long)floor(MIN(box.v_high, lens->height - 0.5) + 0.5) - r0;
    if (wide <= 0 || high <= 0) return;
    set_edges(&face, view->seen, lens);
    if (!(face.det > 0)) return;
    double b[3];
    for (long long p = lane; p < wide * high; p += LANES) {
        long long r = r0 + p / wide, c = c0 + p % wide, pixel = r * (long long)lens->width + c;
        double z = sample(&face, view, f, r, c, b);
        if (!(z > 0)) continue;
        if (!second) LOWER_U64(depth + pixel, BITS(z));
        else if (BITS(z) == depth[pixel]) LOWER_INT(ids + pixel, (int)f);
    }
}

// Tables of pixels here and below are view after view.
DEVICE void nearest_depth_one(long long v, long long n, const View *views, u64 *depth) {
    raster_face(n, views + v, depth + v * pixels_of(views + v), 0, 0);
}
KERNEL_OF_VIEWS(nearest_depth, (const View *views, u64 *depth), (views, depth))

DEVICE void lowest_id_one(long long v, long long n, const View *views, u64 *depth, int *ids) {
    long long first = v * pixels_of(views + v);
    raster_face(n, views + v, depth + first, ids + first, 1);
}
KERNEL_OF_VIEWS(lowest_id, (const View *views, u64 *depth, int *ids), (views, depth, ids))

// Weights and depth again from the face that won; the same numbers as in the passes, as nothing is rounded anew.
DEVICE void resolve_one(long long v, long long n, const View *views, int *ids, double *weights, double *depth_axis_m) {
    const View *view = views + v;
    long long width = (long long)view->lens.width, pixel = v * pixels_of(view) + n, f = ids[pixel];
    double *b = weights + 3 * pixel;
    if (f == NO_FACE) {
        ids[pixel] = -1, b[0] = b[1] = b[2] = depth_axis_m[pixel] = 0.0;
        return;
    }
    Face face = corners_of(view->faces, f);
    set_edges(&face, view->seen, &view->lens);
    depth_axis_m[pixel] = sample(&face, view, f, n / width, n % width, b);
}
KERNEL_OF_VIEWS(resolve, (const View *views, int *ids, double *weights, double *depth_axis_m),
                (views, ids, weights, depth_axis_m))

// Unit length in the camera's frame; a direction of no length faces the camera.
DEVICE void turn(const double *T, const double *d, float *normal) {
    double x = (T[0] * d[0] + T[1] * d[1]) + T[2] * d[2];
    double y = (T[4] * d[0] + T[5] * d[1]) + T[6] * d[2];
    double z = (T[8] * d[0] + T[9] * d[1]) + T[10] * d[2];
    double length = sqrt((x * x + y * y) + z * z), scale = 1.0 / length;
    int flat = !(length > 0);
    normal[0] = (float)(flat ? 0.0 : x * scale), normal[1] = (float)(flat ? 0.0 : y * scale);
    normal[2] = (float)(flat ? -1.0 : z * scale);
}

// A column of a vertex table at weights b of its rows i, j, k.
#define MIX(table, columns, q)                                                           \
    ((b[0] * (double)(table)[columns * i + q] + b[1] * (double)(table)[columns * j + q]) \
     + b[2] * (double)(table)[columns * k + q])

// What a hit carries.
DEVICE void attributes_one(
    long long v, long long n, const View *views, const int *ids, const double *weights, float *normal, float *uv,
    unsigned char *parts, double *points
) {
    const View *view = views + v;
    long long pixel = v * pixels_of(view) + n, f = ids[pixel];
    if (f < 0) return;
    long long i = view->faces[3 * f], j = view->faces[3 * f + 1], k = view->faces[3 * f + 2];
    const double *b = weights + 3 * pixel;
    double direction[3];
    for (int q = 0; q < 3; q++) direction[q] = MIX(view->normals, 3, q);
    turn(view->T, direction, normal + 3 * pixel);
    for (int q = 0; q < 3; q++) points[3 * pixel + q] = MIX(view->vertices, 3, q);
    for (int q = 0; q < 2; q++) uv[2 * pixel + q] = (float)MIX(view->uv, 2, q);
    parts[pixel] = view->part[f];
}
KERNEL_OF_VIEWS(attributes,
                (const View *views, const int *ids, const double *weights, float *normal, float *uv,
                 unsigned char *parts, double *points),
                (views, ids, weights, normal, uv, parts, points))

// Irregular z-buffer: where `count` points of each view, those with a face, lie in the view `other` of it, in which bin
// of that one's image, and how many each bin holds.
DEVICE void aim_one(
    long long v, long long n, const View *views, const int *other, const int *numbers, const double *points,
    const int *own_face, double *there, unsigned char *code, int *bin, int *held
) {
    const View *view = views + other[v];
    const Lens *lens = &view->lens;
    long long at = v * numbers[0] + n;
    code[at] = OUTSIDE, bin[at] = -1;
    if (own_face[at] < 0) return;
    double *seen = there + 5 * at;
    project(points + 3 * at, view, seen);
    if (!(seen[2] > NEAR_M && seen[3] >= 0 && seen[3] < lens->width && seen[4] >= 0 && seen[4] < lens->height)) return;
    int across = ((int)lens->width + BIN_PX - 1) / BIN_PX;
    code[at] = SEEN, bin[at] = (int)seen[4] / BIN_PX * across + (int)seen[3] / BIN_PX;
    TAKE_ONE(held + v * numbers[1] + bin[at]);
}
KERNEL_OF_VIEWS(aim,
                (const View *views, const int *other, const int *numbers, const double *points, const int *own_face,
                 double *there, unsigned char *code, int *bin, int *held),
                (views, other, numbers, points, own_face, there, code, bin, held))

DEVICE void fill_bins_one(long long v, long long n, const int *numbers, const int *bin, int *next, int *member) {
    long long at = v * numbers[0] + n;
    if (bin[at] >= 0) member[v * numbers[0] + TAKE_ONE(next + v * (numbers[1] + 1) + bin[at])] = (int)n;
}
KERNEL_OF_VIEWS(fill_bins, (const int *numbers, const int *bin, int *next, int *member), (numbers, bin, next, member))

DEVICE int hides(const Face *face, const View *view, const Box *box, long long f, const double *point) {
    double w = view->lens.orthographic ? 1.0 : point[2], x = point[0] / w, y = point[1] / w;
    double e0 = face->x0 * x + (face->y0 * y + face->w0), e1 = face->x1 * x + (face->y1 * y + face->w1);
    double e2 = face->x2 * x + (face->y2 * y + face->w2), total = (e0 + e1) + e2;
    if (!(e0 >= 0 && e1 >= 0 && e2 >= 0 && total > 0 && face->det > 0)) return 0;
    if (point[3] < box->u_low || point[3] > box->u_high || point[4] < box->v_low || point[4] > box->v_high) return 0;
    double z = depth_of(face, &view->lens, e0, e1, e2, total);
    if (!(z > NEAR_M && z < point[2] * (1.0 - 1e-9))) return 0;
    return kept(view, face, f, e0 / total, e1 / total, e2 / total);
}

// LANES threads take one face of the other view and share the points of the bins that its box touches. `start` is
// (views, bins + 1).
DEVICE void hide_one(
    long long v, long long n, const View *views, const int *other, const int *numbers, const double *there,
    const int *own_face, const int *start, const int *member, unsigned char *code
) {
    const View *view = views + other[v];
    const Lens *lens = &view->lens;
    long long f = n / LANES, lane = n % LANES, first = v * numbers[0];
    if (f >= view->face_count || !view->wanted[f]) return;
    Face face = corners_of(view->faces, f);
    Box box = box_of(view->seen, &face, lens);
    if (!touches(&box, lens)) return;
    long long across = ((long long)lens->width + BIN_PX - 1) / BIN_PX;
    long long c0 = (long long)MAX(box.u_low, 0.0) / BIN_PX, c1 = (long long)MIN(box.u_high, lens->width - 1.0) / BIN_PX;
    long long r0 = (long long)MAX(box.v_low, 0.0) / BIN_PX, r1 = (long long)MIN(box.v_high, lens->height - 1.0) / BIN_PX;
    set_edges(&face, view->seen, lens);
    start += v * (numbers[1] + 1);
    for (long long r = r0; r <= r1; r++) {
        for (long long slot = start[r * across + c0] + lane; slot < start[r * across + c1 + 1]; slot += LANES) {
            long long p = first + member[first + slot];
            if (own_face[p] != f && hides(&face, view, &box, f, there + 5 * p)) code[p] = HIDDEN;
        }
    }
}
KERNEL_OF_VIEWS(hide,
                (const View *views, const int *other, const int *numbers, const double *there, const int *own_face,
                 const int *start, const int *member, unsigned char *code),
                (views, other, numbers, there, own_face, start, member, code))

// From where a view sees its points to where the other does, whose codes say the rest.
DEVICE void relate_one(
    long long v, long long n, const View *views, const int *ids, const double *points, const double *there,
    const unsigned char *code, double *flow, unsigned char *inside, unsigned char *visible
) {
    long long pixel = v * pixels_of(views + v) + n;
    if (ids[pixel] < 0) return;
    double here[5];
    project(points + 3 * pixel, views + v, here);
    int ahead = there[5 * pixel + 2] > NEAR_M;
    flow[2 * pixel] = ahead ? there[5 * pixel + 3] - here[3] : 0.0;
    flow[2 * pixel + 1] = ahead ? there[5 * pixel + 4] - here[4] : 0.0;
    inside[pixel] = code[pixel] != OUTSIDE, visible[pixel] = code[pixel] == SEEN;
}
KERNEL_OF_VIEWS(relate,
                (const View *views, const int *ids, const double *points, const double *there,
                 const unsigned char *code, double *flow, unsigned char *inside, unsigned char *visible),
                (views, ids, points, there, code, flow, inside, visible))
