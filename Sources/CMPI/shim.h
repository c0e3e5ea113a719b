// MPI's C interface, and the macros that Swift cannot import.
#pragma once

#include <mpi.h>

static inline MPI_Comm pf_mpi_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Datatype pf_mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype pf_mpi_double(void) { return MPI_DOUBLE; }
static inline MPI_Datatype pf_mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Op pf_mpi_sum(void) { return MPI_SUM; }
static inline MPI_Op pf_mpi_max(void) { return MPI_MAX; }
static inline MPI_Status *pf_mpi_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *pf_mpi_ignore_all(void) { return MPI_STATUSES_IGNORE; }
