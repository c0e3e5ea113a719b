// libcurl's headers, and as functions its variadic calls and macros, which Swift cannot import.
// Compiles against libcurl 7.88 and later.
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

typedef size_t (*pframe_curl_receiver)(char *_Nullable bytes, size_t size, size_t count, void *_Nullable context);

static inline CURLcode pframe_curl_start(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

static inline CURLcode pframe_curl_set_number(CURL *_Nonnull handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode pframe_curl_set_text(CURL *_Nonnull handle, CURLoption option, const char *_Nullable text) {
    return curl_easy_setopt(handle, option, text);
}

static inline CURLcode pframe_curl_set_pointer(CURL *_Nonnull handle, CURLoption option, void *_Nullable pointer) {
    return curl_easy_setopt(handle, option, pointer);
}

static inline CURLcode pframe_curl_set_receiver(CURL *_Nonnull handle, pframe_curl_receiver _Nonnull receiver) {
    return curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receiver);
}

static inline long pframe_curl_number(CURL *_Nonnull handle, CURLINFO info) {
    long value = 0;
    return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? value : 0;
}

static inline curl_off_t pframe_curl_offset(CURL *_Nonnull handle, CURLINFO info) {
    curl_off_t value = 0;
    return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? value : 0;
}

// A header of the last reply, NULL where it has none.
static inline const char *_Nullable pframe_curl_header(CURL *_Nonnull handle, const char *_Nonnull name) {
    struct curl_header *header = NULL;
    return curl_easy_header(handle, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

// How a transfer that is over went; -1 for any other message.
static inline int pframe_curl_result(const CURLMsg *_Nonnull message) {
    return message->msg == CURLMSG_DONE ? (int)message->data.result : -1;
}

static inline size_t pframe_curl_pause(void) { return CURL_WRITEFUNC_PAUSE; }
static inline int pframe_curl_continue(void) { return CURLPAUSE_CONT; }
