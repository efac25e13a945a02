// What the files of kernels share: how one is launched, minima that depend on no order, constants, a camera's numbers.
//
// Each kernel is a function of one item, launched over `count` of them, or of a view and one of its items, launched
// over as many items of every view at once; compiled as C, a loop takes the launch's place. Compile with -fmad=false
// (CUDA) or -ffp-contract=off (C): a fused multiply-add would round differently.

#ifdef __CUDACC__
typedef unsigned int u32;
typedef unsigned long long u64;
#define DEVICE static __device__ __forceinline__
#define LOWER_U64(address, value) atomicMin(address, value)
#define LOWER_INT(address, value) atomicMin(address, value)
#define RAISE_U32(address, value) atomicMax(address, value)
#define TAKE_ONE(address) atomicAdd(address, 1)
#define BITS(value) (u64) __double_as_longlong(value)
#define FLOAT_BITS(value) __float_as_uint(value)
#define FLOAT_OF(bits) __uint_as_float(bits)
#define KERNEL(name, parameters, arguments)                                      \
    extern "C" __global__ void name(long long count, ALL parameters) {           \
        long long n = blockIdx.x * (long long)blockDim.x + threadIdx.x;          \
        if (n < count) name##_one(n, ALL arguments);                             \
    }
#define KERNEL_OF_VIEWS(name, parameters, arguments)                             \
    extern "C" __global__ void name(long long count, ALL parameters) {           \
        long long n = blockIdx.x * (long long)blockDim.x + threadIdx.x;          \
        if (n < count) name##_one(blockIdx.y, n, ALL arguments);                 \
    }
#else
#include <math.h>
#include <string.h>
typedef unsigned int u32;
typedef unsigned long long u64;
#define DEVICE static inline
static inline u64 BITS(double value) {
    u64 bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline u32 FLOAT_BITS(float value) {
    u32 bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline float FLOAT_OF(u32 bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline void LOWER_U64(u64 *address, u64 value) { *address = value < *address ? value : *address; }
static inline void LOWER_INT(int *address, int value) { *address = value < *address ? value : *address; }
static inline void RAISE_U32(u32 *address, u32 value) { *address = value > *address ? value : *address; }
static inline int TAKE_ONE(int *address) { return (*address)++; }
#ifndef ITEM
#define ITEM(step, count) (step) // Which item comes at a step; tests turn the order around.
#endif
#define KERNEL(name, parameters, arguments)                                      \
    void name(long long count, ALL parameters) {                                 \
        for (long long step = 0; step < count; step++) {                         \
            long long n = ITEM(step, count);                                     \
            name##_one(n, ALL arguments);                                        \
        }                                                                        \
    }
#define KERNEL_OF_VIEWS(name, parameters, arguments)                             \
    void name(long long rows, long long count, ALL parameters) {                 \
        for (long long step = 0; step < rows * count; step++) {                  \
            long long n = ITEM(step, rows * count);                              \
            name##_one(n / count, n % count, ALL arguments);                     \
        }                                                                        \
    }
#endif

#define ALL(...) __VA_ARGS__
#define MIN(a, b) ((b) < (a) ? (b) : (a))
#define MAX(a, b) ((b) > (a) ? (b) : (a))
#define MIN3(a, b, c) MIN(MIN(a, b), c)
#define MAX3(a, b, c) MAX(MAX(a, b), c)

#define NEAR_M 1e-4        // As in renderers/kernels/terms.py; a test compares them.
#define LANES 4            // Threads that share a face. Of 1, 2, 4 ... 32 the fewest steps of warps, counted at 512 px.
#define FAR_BITS 0x7ff0000000000000ULL  // Of +inf. Bits of positive doubles are ordered as the doubles are.
#define NO_FACE 0x7fffffff
#define INF (1.0 / 0.0)

typedef struct {
    double fx, fy, cx, cy, height, width, orthographic, distorted, k1, k2, p1, p2, k3, reach;
} Lens;

// A camera before a scene, and where both lie in memory: a row of the table that renderers/cuda/views.py lays out.
typedef struct {
    Lens lens;
    double T[16];                              // Head to camera, row by row.
    const double *columns, *rows;              // Rays: (W,) and (H,), or both (H, W) where a lens bends them.
    const double *vertices;                    // (V, 3)
    double *seen;                              // (V, 5) camera x, y, z, then image u, v
    const float *normals, *uv;                 // (V, 3), (V, 2)
    const int *faces, *cut;                    // (F, 3); (F,) -1 or a row of sheets
    const unsigned char *wanted, *part;        // (F,)
    const unsigned char *solid;                // (V,)
    const long long *sheets;                   // (C, 3) offset, height, width of the alpha maps in texels
    const unsigned char *texels;
    long long vertex_count, face_count;
} View;
