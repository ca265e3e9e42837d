// A libcublas.so.13 that multiplies matrices on the CPU, for `driver.cpp`.

#include "report.h"

#include <stdint.h>
#include <string.h>
#include <vector>

static Report report(".blas");

enum Status { SUCCESS = 0, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum Type { F32 = 0, BF16 = 14 };
enum Computing { WITH_F32 = 68, WITH_BF16 = 75, WITH_TF32 = 77 };
enum { TF32_MATH = 3 };
// Of the 23 bits behind a float's point, those that it has not.
enum { TO_F32 = 0, TO_TF32 = 13, TO_BF16 = 16 };

struct Handle {
    int math;
    void *stream;
};

// The nearest float without the last bits, of two the one that is even.
static float rounded(float value, unsigned bits)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    uint32_t last = 1u << bits, is_finite = (word & 0x7f800000) != 0x7f800000;
    // Not a number stays so.
    uint32_t quiet = !is_finite && (word & 0x7fffff) ? 0x400000 : 0;
    word = ((word + is_finite * (last / 2 - 1 + (word >> bits & 1))) & ~(last - 1)) | quiet;
    memcpy(&value, &word, sizeof value);
    return value;
}

static float from_bf16(uint16_t half)
{
    uint32_t word = (uint32_t)half << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static uint16_t to_bf16(float value)
{
    uint32_t word;
    value = rounded(value, TO_BF16);
    memcpy(&word, &value, sizeof word);
    return word >> 16;
}

// A column-major matrix as floats, rounded.
struct Matrix {
    std::vector<float> own;
    const float *values;
    long leading;

    Matrix(const void *start, int type, long rows, long columns, long its_leading, unsigned bits)
        : values((const float *)start), leading(its_leading)
    {
        if (type == F32 && bits == TO_F32)
            return;
        own.resize(rows * columns);
        for (long j = 0; j < columns; j++) {
            float *column = &own[j * rows];
            for (long i = 0; type == BF16 && i < rows; i++)
                column[i] = from_bf16(((const uint16_t *)start)[i + j * its_leading]);
            for (long i = 0; type == F32 && i < rows; i++)
                column[i] = rounded(((const float *)start)[i + j * its_leading], bits);
        }
        values = own.data();
        leading = rows;
    }
};

// C = alpha op(A) op(B) + beta C, column-major, as BLAS defines it.
struct Product {
    bool transpose_a, transpose_b;
    long m, n, k;
    float alpha, beta;

    bool fits(long lda, long ldb, long ldc) const
    {
        return m > 0 && n > 0 && k > 0 && lda >= (transpose_a ? k : m) && ldb >= (transpose_b ? n : k) && ldc >= m;
    }

    void multiply(const Matrix &a, const Matrix &b, float *c, long ldc) const
    {
        for (long j = 0; j < n; j++) {
            float *column = c + j * ldc;
            auto factor = [&](long p) {
                return alpha * (transpose_b ? b.values[j + p * b.leading] : b.values[p + j * b.leading]);
            };
            for (long i = 0; i < m; i++)
                column[i] = beta == 0 ? 0 : beta * column[i];
            // Either way along what lies side by side.
            for (long i = 0; transpose_a && i < m; i++) {
                float sum = 0;
                for (long p = 0; p < k; p++)
                    sum += a.values[p + i * a.leading] * factor(p);
                column[i] += sum;
            }
            for (long p = 0; !transpose_a && p < k; p++)
                for (long i = 0; i < m; i++)
                    column[i] += a.values[i + p * a.leading] * factor(p);
        }
    }

    // Of matrices of types, with factors rounded.
    void run(
        unsigned bits, int factors, const void *a, long lda, const void *b, long ldb, int type, void *c, long ldc) const
    {
        Matrix left(a, factors, transpose_a ? k : m, transpose_a ? m : k, lda, bits);
        Matrix right(b, factors, transpose_b ? n : k, transpose_b ? k : n, ldb, bits);
        if (type == F32)
            return multiply(left, right, (float *)c, ldc);
        std::vector<float> sums(m * n);
        auto each = [=, &sums](auto change) {
            for (long j = 0; j < n; j++)
                for (long i = 0; i < m; i++)
                    change(sums[i + j * m], ((uint16_t *)c)[i + j * ldc]);
        };
        if (beta != 0)
            each([](float &sum, uint16_t half) { sum = from_bf16(half); });
        multiply(left, right, sums.data(), m);
        each([](float sum, uint16_t &half) { half = to_bf16(sum); });
    }
};

// What cuBLAS computes of floats in 32 bits, and in fewer.
static bool is_supported(int a, int b, int c, int computing)
{
    switch (computing) {
    case WITH_F32:
        return a == b && ((a == F32 && c == F32) || (a == BF16 && (c == F32 || c == BF16)));
    case WITH_BF16:
    case WITH_TF32:
        return a == F32 && b == F32 && c == F32;
    default:
        return false;
    }
}

extern "C" {
// The driver's, which has done by then what the stream was asked for before.
int cuStreamQuery(void *);

int cublasCreate_v2(Handle **handle) { return *handle = new Handle{0, NULL}, SUCCESS; }
int cublasDestroy_v2(Handle *handle) { return delete handle, SUCCESS; }
int cublasSetStream_v2(Handle *handle, void *stream) { return handle->stream = stream, SUCCESS; }
int cublasSetMathMode(Handle *handle, int math) { return handle->math = math, SUCCESS; }

int cublasGemmEx(
    Handle *handle, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha,
    const void *a, int type_a, int lda, const void *b, int type_b, int ldb, const float *beta,
    void *c, int type_c, int ldc, int computing, int)
{
    Product product = {transpose_a != 0, transpose_b != 0, m, n, k, *alpha, *beta};
    if (!product.fits(lda, ldb, ldc))
        return INVALID_VALUE;
    if (!is_supported(type_a, type_b, type_c, computing))
        return NOT_SUPPORTED;
    cuStreamQuery(handle->stream);
    bool tf32 = computing == WITH_TF32 || (handle->math == TF32_MATH && computing == WITH_F32);
    unsigned bits = computing == WITH_BF16 ? TO_BF16 : tf32 && type_a == F32 ? TO_TF32 : TO_F32;
    report.add("products");
    report.add("products.operations", 2ull * m * n * k);
    unsigned long long of_factors = (unsigned long long)(m + n) * k * (type_a == BF16 ? 2 : 4);
    report.add("products.least_bytes", of_factors + (unsigned long long)m * n * (type_c == BF16 ? 2 : 4));
    product.run(bits, type_a, a, lda, b, ldb, type_c, c, ldc);
    return SUCCESS;
}

int cublasSgemm_v2(
    Handle *handle, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha, const float *a, int lda,
    const float *b, int ldb, const float *beta, float *c, int ldc)
{
    return cublasGemmEx(
        handle, transpose_a, transpose_b, m, n, k, alpha, a, F32, lda, b, F32, ldb, beta, c, F32, ldc, WITH_F32, -1);
}

int cublasSgemmStridedBatched(
    Handle *handle, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha, const float *a, int lda,
    long long from_a_to_a, const float *b, int ldb, long long from_b_to_b, const float *beta, float *c, int ldc,
    long long from_c_to_c, int count)
{
    int status = count < 0 ? INVALID_VALUE : SUCCESS;
    for (; count > 0 && status == SUCCESS; count--, a += from_a_to_a, b += from_b_to_b, c += from_c_to_c)
        status = cublasSgemm_v2(handle, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    return status;
}
}
