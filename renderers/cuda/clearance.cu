// How near cameras come to what they look at. Nothing depends on the order of items, as in label_core.cu.

#include "launch.cuh"

// From a vertex to the camera, in the camera's frame: back along where it is seen.
DEVICE double distance_m(const View *view, long long n) {
    const double *seen = view->seen + 5 * n;
    return sqrt((seen[0] * seen[0] + seen[1] * seen[1]) + seen[2] * seen[2]);
}

DEVICE void nearest_vertex_one(long long v, long long n, const View *views, u64 *least, int *broken) {
    const View *view = views + v;
    if (n >= view->vertex_count) return;
    double d = distance_m(view, n);
    if (!(d < INF)) broken[v] = 1;
    else if (view->solid[n] && BITS(d) < least[v]) LOWER_U64(least + v, BITS(d)); // Looked at first: few need to queue.
}
KERNEL_OF_VIEWS(nearest_vertex, (const View *views, u64 *least, int *broken), (views, least, broken))

DEVICE void lowest_vertex_one(long long v, long long n, const View *views, const u64 *least, int *vertex) {
    const View *view = views + v;
    if (n >= view->vertex_count || !view->solid[n]) return;
    if (BITS(distance_m(view, n)) == least[v]) LOWER_INT(vertex + v, (int)n);
}
KERNEL_OF_VIEWS(lowest_vertex, (const View *views, const u64 *least, int *vertex), (views, least, vertex))

// Three numbers of each view: see clearance.py. A view without solid vertices keeps what it has.
DEVICE void clear_by_one(
    long long v, long long n, const View *views, const int *vertex, const int *broken, double *clear
) {
    (void)n;
    const View *view = views + v;
    clear[3 * v + 2] = broken[v];
    if (vertex[v] == NO_FACE) return;
    const double *seen = view->seen + 5LL * vertex[v], *T = view->T;
    const float *normal = view->normals + 3LL * vertex[v];
    double ahead = 0.0;
    for (int k = 0; k < 3; k++) {
        ahead -= seen[k] * ((T[4 * k] * normal[0] + T[4 * k + 1] * normal[1]) + T[4 * k + 2] * normal[2]);
    }
    clear[3 * v] = distance_m(view, vertex[v]), clear[3 * v + 1] = ahead;
}
KERNEL_OF_VIEWS(clear_by, (const View *views, const int *vertex, const int *broken, double *clear),
                (views, vertex, broken, clear))
