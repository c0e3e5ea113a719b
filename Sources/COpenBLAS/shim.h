// OpenBLAS's C interface, and the two of LAPACK's Fortran routines that it holds but Debian declares nowhere.
#pragma once

#include <cblas.h>
#include <stddef.h>

// Eigenvalues and eigenvectors of a symmetric matrix. The lengths of the character arguments stand last, as gfortran
// passes them. libtorch may bring the same two symbols from MKL, with the same arguments: either may be the one linked.
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info, size_t jobz_length, size_t uplo_length);

// Singular values, and on demand vectors, of any matrix.
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
             size_t jobz_length);
