/* Two kernels. The parameters of a run come as macros in capitals; a method that is not chosen is not compiled.

   product:  c = a diag(d) b, for a of m rows and k columns and b of k rows and n columns
   stencil:  each cell moves towards the mean of its four neighbours by its own conductivity

   All matrices lie row by row. The host pads them with zeros to whole blocks, so no kernel looks at an edge; a cell whose
   conductivity is zero keeps its value. */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#if WIDTH == 1
#define LANES float
#define LOAD(p) (*(p))
#define STORE(v, p) (*(p) = (v))
#else
#define LANES JOIN(float, WIDTH)
#define LOAD(p) JOIN(vload, WIDTH)(0, p)
#define STORE(v, p) JOIN(vstore, WIDTH)(v, 0, p)
#endif

#if SCALE_FIRST
kernel void scale(global const float *d, global const float *b, global float *scaled, int n)
{
    int at = get_global_id(1) * n + get_global_id(0);
    scaled[at] = d[get_global_id(1)] * b[at];
}
#define TIMES(k)
#else
#define TIMES(k) *d[k]
#endif

#ifdef PRODUCT_NAIVE /* an item for each cell of c */
kernel void product(global const float *a, global const float *d, global const float *b, global float *c, int kk, int n)
{
    int j = get_global_id(0), i = get_global_id(1);
    float sum = 0;
    for (int k = 0; k < kk; k++)
        sum += a[i * kk + k] TIMES(k) * b[k * n + j];
    c[i * n + j] = sum;
}
#endif

#ifdef PRODUCT_TILED /* a group shares a tile of a and one of b in local memory */
kernel void product(global const float *a, global const float *d, global const float *b, global float *c, int kk, int n)
{
    local float left[TILE][TILE], right[TILE][TILE];
    int x = get_local_id(0), y = get_local_id(1), j = get_global_id(0), i = get_global_id(1);
    float sum = 0;
    for (int from = 0; from < kk; from += TILE) {
        left[y][x] = a[i * kk + from + x] TIMES(from + x);
        right[y][x] = b[(from + y) * n + j];
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < TILE; k++)
            sum += left[y][k] * right[k][x];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    c[i * n + j] = sum;
}
#endif

#ifdef PRODUCT_REGISTERS /* an item keeps ROWS x WIDTH cells of c in registers */
kernel void product(global const float *a, global const float *d, global const float *b, global float *c, int kk, int n)
{
    int j = get_global_id(0) * WIDTH, i = get_global_id(1) * ROWS;
    LANES sum[ROWS];
    for (int r = 0; r < ROWS; r++)
        sum[r] = (LANES)(0.0f);
#pragma unroll UNROLL
    for (int k = 0; k < kk; k++) {
        LANES right = LOAD(b + k * n + j) TIMES(k);
        for (int r = 0; r < ROWS; r++)
            sum[r] += a[(i + r) * kk + k] * right;
    }
    for (int r = 0; r < ROWS; r++)
        STORE(sum[r], c + (i + r) * n + j);
}
#endif
#undef LANES
#undef LOAD
#undef STORE

#if CELLS == 1
#define LANES float
#define LOAD(p) (*(p))
#define STORE(v, p) (*(p) = (v))
#else
#define LANES JOIN(float, CELLS)
#define LOAD(p) JOIN(vload, CELLS)(0, p)
#define STORE(v, p) JOIN(vstore, CELLS)(v, 0, p)
#endif

#ifdef STENCIL_PLAIN /* an item makes one step for CELLS cells of each of LINES rows; w: cells of a row with its margin */
kernel void stencil(global const float *u, global const float *conductivity, global float *next, int w, int steps)
{
    int x = get_global_id(ALONG) * CELLS + MARGIN, y = get_global_id(1 - ALONG) * LINES + MARGIN;
    for (int line = 0; line < LINES; line++) {
        int at = (y + line) * w + x;
        LANES here = LOAD(u + at);
        LANES around = LOAD(u + at - w) + LOAD(u + at + w) + LOAD(u + at - 1) + LOAD(u + at + 1);
        STORE(here + LOAD(conductivity + at) * (around - 4.0f * here), next + at);
    }
}
#endif

#ifdef STENCIL_BLOCKED /* a group makes up to STEPS steps for a block, with a margin that it works out as well */
#define SIDE (BLOCK + 2 * STEPS)
kernel void stencil(global const float *u, global const float *conductivity, global float *next, int w, int steps)
{
    local float now[SIDE][SIDE], after[SIDE][SIDE], rate[SIDE][SIDE];
    int x = get_local_id(0);
    int x0 = get_group_id(0) * BLOCK + MARGIN - STEPS, y0 = get_group_id(1) * BLOCK + MARGIN - STEPS;
    for (int y = 0; y < SIDE; y++)
        for (int i = x; i < SIDE; i += BLOCK) {
            now[y][i] = u[(y0 + y) * w + x0 + i];
            rate[y][i] = conductivity[(y0 + y) * w + x0 + i];
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int step = 1; step <= steps; step++) {
        for (int y = step; y < SIDE - step; y++)
            for (int i = x + step; i < SIDE - step; i += BLOCK) {
                float here = now[y][i];
                float around = now[y - 1][i] + now[y + 1][i] + now[y][i - 1] + now[y][i + 1];
                after[y][i] = here + rate[y][i] * (around - 4.0f * here);
            }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int y = step; y < SIDE - step; y++)
            for (int i = x + step; i < SIDE - step; i += BLOCK)
                now[y][i] = after[y][i];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int y = 0; y < BLOCK; y++)
        next[(y0 + STEPS + y) * w + x0 + STEPS + x] = now[y + STEPS][x + STEPS];
}
#endif
