// MPI's C interface, and as functions the macros that Swift cannot import. Everything is between all ranks.
#pragma once

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// An operation under way: a pointer in one MPI, a number in another.
typedef struct pf_mpi_request {
    MPI_Request value;
} pf_mpi_request;

static inline pf_mpi_request pf_mpi_no_request(void) { return (pf_mpi_request){MPI_REQUEST_NULL}; }
static inline bool pf_mpi_is_success(int code) { return code == MPI_SUCCESS; }

enum { PF_MPI_MESSAGE_LENGTH = MPI_MAX_ERROR_STRING + 1 };

// MPI_Init_thread for calls from one thread at a time, after which errors are returned codes. `served`: whether MPI can.
static inline int pf_mpi_open(bool *served) {
    int level = MPI_THREAD_SINGLE;
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level);
    *served = level >= MPI_THREAD_SERIALIZED;
    return code != MPI_SUCCESS ? code : MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

static inline int pf_mpi_rank(int *rank) { return MPI_Comm_rank(MPI_COMM_WORLD, rank); }
static inline int pf_mpi_ranks(int *ranks) { return MPI_Comm_size(MPI_COMM_WORLD, ranks); }
static inline void pf_mpi_abort(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

static inline int pf_mpi_start_barrier(pf_mpi_request *request) { return MPI_Ibarrier(MPI_COMM_WORLD, &request->value); }
static inline int pf_mpi_start_broadcast(void *bytes, int count, int root, pf_mpi_request *request) {
    return MPI_Ibcast(bytes, count, MPI_BYTE, root, MPI_COMM_WORLD, &request->value);
}
static inline int pf_mpi_start_sum_of_floats(void *values, int count, pf_mpi_request *request) {
    return MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request->value);
}
static inline int pf_mpi_start_sum_of_doubles(void *values, int count, pf_mpi_request *request) {
    return MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD, &request->value);
}
static inline int pf_mpi_test(pf_mpi_request *request, bool *done) {
    int flag = 0;
    int code = MPI_Test(&request->value, &flag, MPI_STATUS_IGNORE);
    *done = flag != 0;
    return code;
}

// Letters of one number between two ranks. `number` must last until the letter is read.
static inline int pf_mpi_send(const int64_t *number, int rank, int tag) {
    MPI_Request request;
    int code = MPI_Isend(number, 1, MPI_INT64_T, rank, tag, MPI_COMM_WORLD, &request);
    return code != MPI_SUCCESS ? code : MPI_Request_free(&request);
}
// Reads a letter if one is there.
static inline int pf_mpi_receive(int64_t *number, int *rank, int *tag, bool *found) {
    MPI_Status status;
    int flag = 0;
    int code = MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &status);
    *found = code == MPI_SUCCESS && flag;
    if (!*found) return code;
    *rank = status.MPI_SOURCE;
    *tag = status.MPI_TAG;
    return MPI_Recv(number, 1, MPI_INT64_T, *rank, *tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

#pragma clang assume_nonnull end
