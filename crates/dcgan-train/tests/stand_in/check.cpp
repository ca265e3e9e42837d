// Checks what the stand-in promises of memory, streams and products, which no program shows.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#undef NDEBUG
#include <assert.h>

typedef unsigned long long Address;
enum { MIB = 1 << 20 };

extern "C" {
int cuDeviceGetDefaultMemPool(void **, int);
int cuMemPoolGetAttribute(void *, int, void *);
int cuMemPoolSetAttribute(void *, int, void *);
int cuMemGetInfo_v2(size_t *, size_t *);
int cuStreamCreate(void **, unsigned);
int cuStreamDestroy_v2(void *);
int cuStreamSynchronize(void *);
int cuStreamWaitEvent(void *, void *, unsigned);
int cuEventCreate(void **, unsigned);
int cuEventRecord(void *, void *);
int cuEventSynchronize(void *);
int cuMemAllocAsync(Address *, size_t, void *);
int cuMemFreeAsync(Address, void *);
int cuMemHostAlloc(void **, size_t, unsigned);
int cuMemFreeHost(void *);
int cuMemcpyHtoDAsync_v2(Address, const void *, size_t, void *);
int cuMemcpyDtoHAsync_v2(void *, Address, size_t, void *);
int cublasCreate_v2(void **);
int cublasSetMathMode(void *, int);
int cublasSgemm_v2(
    void *, int, int, int, int, int, const float *, const float *, int, const float *, int, const float *,
    float *, int);
int cublasGemmEx(
    void *, int, int, int, int, int, const float *, const void *, int, int, const void *, int, int, const float *,
    void *, int, int, int, int);
}

static Address allocated(size_t bytes)
{
    Address address;
    assert(cuMemAllocAsync(&address, bytes, NULL) == 0);
    return address;
}

static void *stream(bool blocking = false)
{
    void *stream;
    assert(cuStreamCreate(&stream, blocking ? 0 : 1) == 0);
    return stream;
}

// What the default stream reads.
static float read(Address from)
{
    float value;
    assert(cuMemcpyDtoHAsync_v2(&value, from, sizeof value, NULL) == 0);
    return value;
}

template <class F> static bool aborts(F what)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        what();
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status);
}

static unsigned long long pool_value(int attribute)
{
    void *pool;
    unsigned long long value;
    assert(cuDeviceGetDefaultMemPool(&pool, 0) == 0);
    assert(cuMemPoolGetAttribute(pool, attribute, &value) == 0);
    return value;
}

static void a_pool_counts_bytes()
{
    void *pool;
    unsigned long long most = ~0ull, zero = 0;
    cuDeviceGetDefaultMemPool(&pool, 0);
    assert(cuMemPoolSetAttribute(pool, 4, &most) == 0);
    Address small = allocated(10), large = allocated(3 * MIB + 1);
    assert(pool_value(7) == 3 * MIB + 11 && pool_value(8) == 3 * MIB + 11);
    size_t available, total;
    assert(cuMemGetInfo_v2(&available, &total) == 0 && total - available == 3 * MIB + 11);
    cuMemFreeAsync(large, NULL);
    assert(pool_value(7) == 10 && pool_value(8) == 3 * MIB + 11);
    assert(cuMemPoolSetAttribute(pool, 8, &most) != 0);
    assert(cuMemPoolSetAttribute(pool, 8, &zero) == 0 && pool_value(8) == 10);
    cuMemFreeAsync(small, NULL);
    assert(cuMemAllocAsync(&large, total + 1, NULL) == 2 && pool_value(8) == 10);
}

static void copies_are_late()
{
    float value = 1;
    void *copies = stream(), *event;
    cuEventCreate(&event, 2);
    Address a = allocated(4), b = allocated(4);
    // The program's own memory is its own again, and the event has what came before it.
    cuMemcpyHtoDAsync_v2(a, &value, 4, copies);
    cuEventRecord(event, copies);
    value = 2;
    cuMemcpyHtoDAsync_v2(b, &value, 4, copies);
    assert(isnan(read(a)));
    cuStreamWaitEvent(copies, event, 0);
    assert(isnan(read(a)));
    cuStreamWaitEvent(NULL, event, 0);
    assert(read(a) == 1 && isnan(read(b)));
    cuStreamSynchronize(copies);
    assert(read(b) == 2);
    // Into the program's memory, too.
    value = 3;
    cuMemcpyDtoHAsync_v2(&value, b, 4, copies);
    cuEventRecord(event, copies);
    assert(value == 3);
    cuEventSynchronize(event);
    assert(value == 2);
    // One that blocks, the default stream waits for.
    value = 4;
    void *blocking = stream(true);
    cuMemcpyHtoDAsync_v2(a, &value, 4, blocking);
    assert(read(a) == 4);
    value = 5;
    cuMemcpyHtoDAsync_v2(a, &value, 4, copies);
    cuStreamDestroy_v2(copies);
    assert(read(a) == 5);
    assert(aborts([=] { cuMemcpyHtoDAsync_v2(a, &value, 4, copies); }));
    cuMemFreeAsync(a, NULL);
    cuMemFreeAsync(b, NULL);
}

static void pinned_memory_is_read_late()
{
    void *copies = stream();
    float *pinned;
    Address a = allocated(4);
    assert(cuMemHostAlloc((void **)&pinned, 4, 0) == 0);
    *pinned = 1;
    cuMemcpyHtoDAsync_v2(a, pinned, 4, copies);
    *pinned = 2;
    assert(aborts([=] { cuMemFreeHost(pinned); }));
    cuStreamSynchronize(copies);
    assert(read(a) == 2);
    assert(!aborts([=] { cuMemFreeHost(pinned); }));
    cuMemFreeAsync(a, NULL);
}

static void memory_in_use_stays()
{
    float value = 1;
    void *copies = stream();
    Address a = allocated(8);
    cuMemcpyHtoDAsync_v2(a + 4, &value, 4, copies);
    assert(aborts([=] { cuMemFreeAsync(a, NULL); }));
    assert(aborts([=] { cuMemFreeAsync(a, stream()); }));
    // In its stream's order.
    assert(!aborts([=] { cuMemFreeAsync(a, copies); }));
    cuStreamSynchronize(copies);
    cuMemFreeAsync(a, NULL);
}

enum { F32 = 0, BF16 = 14 };

static void products_are_rounded()
{
    void *cublas;
    cublasCreate_v2(&cublas);
    // 1 + 2^-8 lies between two of bf16, and is one of TF32; 1 + 2^-11 is none.
    float half = 1 + ldexpf(1, -8), odd = 1 + 3 * ldexpf(1, -8), fine = 1 + ldexpf(1, -11), one = 1, zero = 0, c;
    uint16_t bf16[3] = {0x3f80, 0x4000, 0xffff};
    auto product = [&](const void *a, int type, const void *b, void *c, int type_c, int computing, const float *beta) {
        return cublasGemmEx(
            cublas, 0, 0, 1, 1, 1, &one, a, type, 1, b, type, 1, beta, c, type_c, 1, computing, -1);
    };
    auto of_floats = [&](float a, int computing) {
        assert(product(&a, F32, &one, &c, F32, computing, &zero) == 0);
        return c;
    };
    assert(of_floats(half, 68) == half && of_floats(half, 75) == 1 && of_floats(half, 77) == half);
    assert(of_floats(odd, 75) == 1 + ldexpf(1, -6) && of_floats(fine, 68) == fine && of_floats(fine, 77) == 1);
    assert(isnan(of_floats(NAN, 75)) && isinf(of_floats(INFINITY, 75)) && isinf(of_floats(3.4e38f, 75)));
    // Of bf16, in bf16, and added.
    assert(product(bf16, BF16, bf16 + 1, &c, F32, 68, &zero) == 0 && c == 2);
    assert(product(bf16, BF16, bf16 + 1, bf16 + 2, BF16, 68, &zero) == 0 && bf16[2] == 0x4000);
    assert(product(bf16, BF16, bf16 + 1, bf16 + 2, BF16, 68, &one) == 0 && bf16[2] == 0x4080);
    assert(product(&one, F32, &one, bf16, BF16, 68, &zero) == 15);
    assert(product(bf16, BF16, bf16, &c, F32, 75, &zero) == 15);
    assert(product(&one, F32, &one, &c, F32, 64, &zero) == 15);
    assert(cublasGemmEx(
        cublas, 0, 0, 1, 1, 1, &one, bf16, BF16, 1, &one, F32, 1, &zero, &c, F32, 1, 68, -1) == 15);
    assert(cublasGemmEx(
        cublas, 0, 0, 2, 1, 1, &one, bf16, BF16, 1, bf16, BF16, 1, &zero, bf16, BF16, 2, 68, -1) == 7);
    auto of_two = [&] {
        assert(cublasSgemm_v2(cublas, 0, 0, 1, 1, 1, &one, &fine, 1, &one, 1, &zero, &c, 1) == 0);
        return c;
    };
    assert(of_two() == fine);
    cublasSetMathMode(cublas, 3);
    assert(of_two() == 1);
}

// Rows, columns and depth that differ, each operation, and lines of memory that are longer than the matrix.
static void products_are_those_of_any_layout()
{
    const int m = 3, n = 4, k = 5, longer = 7;
    void *cublas;
    cublasCreate_v2(&cublas);
    float alpha = 2, beta = -1;
    auto value = [](int row, int column) { return (float)(row * 3 - column * column); };
    for (int which = 0; which < 4; which++) {
        bool transpose_a = which & 1, transpose_b = which & 2;
        float a[longer * longer], b[longer * longer], c[longer * n];
        uint16_t a16[longer * longer], b16[longer * longer], c16[longer * n];
        auto half = [](float value) {
            uint32_t word;
            memcpy(&word, &value, sizeof word);
            return (uint16_t)(word >> 16);
        };
        for (int i = 0; i < longer; i++)
            for (int j = 0; j < longer; j++) {
                a[i + j * longer] = transpose_a ? value(j, i) : value(i, j);
                b[i + j * longer] = transpose_b ? value(j, i) : value(i, j);
                a16[i + j * longer] = half(a[i + j * longer]);
                b16[i + j * longer] = half(b[i + j * longer]);
            }
        for (int i = 0; i < longer * n; i++)
            c16[i] = half(c[i] = 8);
        assert(cublasSgemm_v2(
            cublas, transpose_a, transpose_b, m, n, k, &alpha, a, longer, b, longer, &beta, c, longer) == 0);
        assert(cublasGemmEx(
            cublas, transpose_a, transpose_b, m, n, k, &alpha, a16, BF16, longer, b16, BF16, longer, &beta, c16, BF16,
            longer, 68, -1) == 0);
        for (int i = 0; i < longer; i++)
            for (int j = 0; j < n; j++) {
                float sum = 0;
                for (int p = 0; p < k; p++)
                    sum += value(i, p) * value(p, j);
                float expected = i < m ? alpha * sum - 8 : 8;
                assert(c[i + j * longer] == expected);
                float found = ldexpf(1, -8) * fabsf(expected);
                uint32_t word = (uint32_t)c16[i + j * longer] << 16;
                float of_halves;
                memcpy(&of_halves, &word, sizeof word);
                assert(fabsf(of_halves - expected) <= found);
            }
    }
}

int main()
{
    a_pool_counts_bytes();
    copies_are_late();
    pinned_memory_is_read_late();
    memory_in_use_stays();
    products_are_rounded();
    products_are_those_of_any_layout();
}
