// Counts what a program asks of a GPU, by CUPTI: kernels, copies and waits, and the time of each kernel. The driver
// loads it where CUDA_INJECTION64_PATH names it; at the end of the process a line of JSON goes to the file that
// LAUNCHES names.
//
//     cc -O2 -shared -fPIC -I CUDA/include launches.c -o launches.so -L CUDA/lib -l:libcupti.so.13 -lpthread
//
// CUDA is the folder of the wheels nvidia-cuda-cupti, nvidia-cuda-runtime and nvidia-cuda-crt: site-packages/nvidia/cu13.
#include <cupti.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double kernelTime, copyTime, setTime;
static long kernels, copies, sets, syncs[16], waits;
static double syncTime;
static uint64_t copyKinds[16];
typedef struct { char *name; long count; double time; } Kind;
static Kind kinds[4096];
static int kindCount;

static void note(const char *name, double time) {
    for (int i = 0; i < kindCount; ++i) {
        if (strcmp(kinds[i].name, name) == 0) {
            kinds[i].count++;
            kinds[i].time += time;
            return;
        }
    }
    if (kindCount < 4096) kinds[kindCount++] = (Kind){strdup(name), 1, time};
}

static void CUPTIAPI request(uint8_t **buffer, size_t *size, size_t *records) {
    *size = 8 << 20;
    *buffer = aligned_alloc(16, *size);
    *records = 0;
}

static void CUPTIAPI complete(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid) {
    CUpti_Activity *record = NULL;
    pthread_mutex_lock(&lock);
    while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
        switch (record->kind) {
        case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
        case CUPTI_ACTIVITY_KIND_KERNEL: {
            CUpti_ActivityKernel10 *k = (CUpti_ActivityKernel10 *)record;
            kernels++;
            kernelTime += 1e-6 * (double)(k->end - k->start);
            note(k->name ? k->name : "?", 1e-6 * (double)(k->end - k->start));
            break;
        }
        case CUPTI_ACTIVITY_KIND_MEMCPY: {
            CUpti_ActivityMemcpy6 *c = (CUpti_ActivityMemcpy6 *)record;
            copies++;
            if (c->copyKind < 16) copyKinds[c->copyKind]++;
            copyTime += 1e-6 * (double)(c->end - c->start);
            break;
        }
        case CUPTI_ACTIVITY_KIND_MEMSET: {
            CUpti_ActivityMemset4 *s = (CUpti_ActivityMemset4 *)record;
            sets++;
            setTime += 1e-6 * (double)(s->end - s->start);
            break;
        }
        case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: {
            CUpti_ActivitySynchronization2 *s = (CUpti_ActivitySynchronization2 *)record;
            waits++;
            if (s->type < 16) syncs[s->type]++;
            syncTime += 1e-6 * (double)(s->end - s->start);
            break;
        }
        default: break;
        }
    }
    pthread_mutex_unlock(&lock);
    free(buffer);
}

static int byTime(const void *a, const void *b) {
    double x = ((const Kind *)a)->time, y = ((const Kind *)b)->time;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void finish(void) {
    cuptiActivityFlushAll(1);
    pthread_mutex_lock(&lock);
    const char *path = getenv("LAUNCHES");
    FILE *file = path ? fopen(path, "w") : stderr;
    if (!file) return;
    fprintf(file,
            "{\"kernels\": %ld, \"kernel_ms\": %.3f, \"copies\": %ld, \"copy_ms\": %.3f, \"to_device\": %ld, \"to_host\": %ld, "
            "\"on_device\": %ld, \"sets\": %ld, \"set_ms\": %.3f, \"waits\": %ld, \"event_waits\": %ld, \"stream_event\": %ld, "
            "\"stream_waits\": %ld, \"context_waits\": %ld, \"wait_ms\": %.3f, \"top\": [",
            kernels, kernelTime, copies, copyTime, (long)copyKinds[1], (long)copyKinds[2], (long)copyKinds[8], sets, setTime,
            waits, syncs[1], syncs[2], syncs[3], syncs[4], syncTime);
    qsort(kinds, (size_t)kindCount, sizeof(Kind), byTime);
    for (int i = 0; i < kindCount; ++i) {
        char name[121];
        int n = 0;
        for (const char *c = kinds[i].name; *c && n < 120; ++c) {
            if (*c != '"' && *c != '\\') name[n++] = *c;
        }
        name[n] = 0;
        fprintf(file, "%s[\"%s\", %ld, %.3f]", i ? ", " : "", name, kinds[i].count, kinds[i].time);
    }
    fprintf(file, "]}\n");
    fclose(file);
    pthread_mutex_unlock(&lock);
}

static void enable(CUpti_ActivityKind kind) {
    CUptiResult result = cuptiActivityEnable(kind);
    const char *text = "?";
    if (result == CUPTI_SUCCESS) return;
    cuptiGetResultString(result, &text);
    fprintf(stderr, "launches: activity %d: %s\n", (int)kind, text);
}

int InitializeInjection(void) {
    cuptiActivityRegisterCallbacks(request, complete);
    enable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
    enable(CUPTI_ACTIVITY_KIND_MEMCPY);
    enable(CUPTI_ACTIVITY_KIND_MEMSET);
    enable(CUPTI_ACTIVITY_KIND_SYNCHRONIZATION);
    atexit(finish);
    return 1;
}
