// A library with the six functions of NCCL for one rank, declared as nccl.h declares them: what tests open in its place.
// A call with other arguments than those that NCCL would get answers 4, ncclInvalidArgument.
#include <stddef.h>
#include <string.h>

typedef struct ncclComm {
    int ranks;
} *ncclComm_t;
typedef struct {
    char internal[128];
} ncclUniqueId;

static struct ncclComm communicator;
static char stream;

int ncclGetUniqueId(ncclUniqueId *id) {
    for (int index = 0; index < 128; ++index) id->internal[index] = (char)(index * 7);
    return 0;
}

// By value, as NCCL takes it.
int ncclCommInitRank(ncclComm_t *made, int ranks, ncclUniqueId id, int rank) {
    for (int index = 0; index < 128; ++index) {
        if (id.internal[index] != (char)(index * 7)) return 4;
    }
    if (ranks != 3 || rank != 2) return 4;
    communicator.ranks = ranks;
    *made = &communicator;
    return 0;
}

static int size(int type) { return type == 1 ? 1 : type == 7 ? 4 : type == 8 ? 8 : 0; }

// As if all ranks had the same floats.
int ncclAllReduce(const void *from, void *to, size_t count, int type, int operation, ncclComm_t own, void *on) {
    if (type != 7 || operation != 0 || own != &communicator || on != (void *)&stream) return 4;
    for (size_t index = 0; index < count; ++index) ((float *)to)[index] = own->ranks * ((const float *)from)[index];
    return 0;
}

int ncclBroadcast(const void *from, void *to, size_t count, int type, int root, ncclComm_t own, void *on) {
    if (size(type) == 0 || root != 1 || own != &communicator || on != (void *)&stream) return 4;
    memmove(to, from, count * size(type));
    return 0;
}

int ncclCommDestroy(ncclComm_t own) { return own == &communicator ? 0 : 4; }

const char *ncclGetErrorString(int code) { return code == 4 ? "invalid argument" : "unknown"; }

// The stream that calls are to name.
void *test_stream(void) { return &stream; }
