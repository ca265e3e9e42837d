// A libcublas.so.13 that multiplies matrices on the CPU, for `driver.cpp`.

enum { SUCCESS = 0, INVALID_VALUE = 7 };

extern "C" {
int cublasCreate_v2(void **handle) { return *handle = handle, SUCCESS; }
int cublasDestroy_v2(void *) { return SUCCESS; }
int cublasSetStream_v2(void *, void *) { return SUCCESS; }
int cublasSetMathMode(void *, int) { return SUCCESS; }

// C = alpha op(A) op(B) + beta C, column-major, as BLAS defines it.
int cublasSgemm_v2(
    void *, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha, const float *a, int lda,
    const float *b, int ldb, const float *beta, float *c, int ldc)
{
    if (m < 1 || n < 1 || k < 1 || lda < (transpose_a ? k : m) || ldb < (transpose_b ? n : k) || ldc < m)
        return INVALID_VALUE;
    for (long j = 0; j < n; j++) {
        float *column = c + j * ldc;
        auto factor = [&](long p) { return *alpha * (transpose_b ? b[j + p * ldb] : b[p + j * ldb]); };
        for (long i = 0; i < m; i++)
            column[i] = *beta == 0 ? 0 : *beta * column[i];
        // Either way along what lies side by side.
        for (long i = 0; transpose_a && i < m; i++) {
            float sum = 0;
            for (long p = 0; p < k; p++)
                sum += a[p + i * lda] * factor(p);
            column[i] += sum;
        }
        for (long p = 0; !transpose_a && p < k; p++)
            for (long i = 0; i < m; i++)
                column[i] += a[i + p * lda] * factor(p);
    }
    return SUCCESS;
}
}
