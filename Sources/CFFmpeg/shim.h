// FFmpeg's headers, and as functions the macros and renamed fields that Swift cannot import.
// Compiles against FFmpeg 5.1 and later.
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/cpu.h>
#include <libavutil/crc.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/motion_vector.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/video_enc_params.h>
#include <libswscale/swscale.h>
#include <string.h>

static inline int pframe_averror_eof(void) { return AVERROR_EOF; }
static inline int pframe_averror_again(void) { return AVERROR(EAGAIN); }
static inline int pframe_averror_invalid_data(void) { return AVERROR_INVALIDDATA; }
static inline int pframe_averror_io(void) { return AVERROR(EIO); }
static inline int pframe_averror_no_system_call(void) { return AVERROR(ENOSYS); }

// What opens the files that a playlist or a script names, where none may be opened.
static inline int pframe_refuse_to_open(
    AVFormatContext *_Nullable context, AVIOContext *_Nullable *_Nullable opened, const char *_Nullable url, int flags,
    AVDictionary *_Nullable *_Nullable options) {
    return AVERROR(EPERM);
}

static inline void pframe_refuse_other_files(AVFormatContext *_Nonnull context) {
    context->io_open = pframe_refuse_to_open;
}

// What an error of libav* means to a program.
enum pframe_error_kind {
    PFRAME_ERROR_OTHER,
    PFRAME_ERROR_DAMAGED,
    PFRAME_ERROR_UNSUPPORTED,
    PFRAME_ERROR_MISSING,
    PFRAME_ERROR_REFUSED,
    PFRAME_ERROR_USAGE,
    PFRAME_ERROR_INTERRUPTED,
};

static inline enum pframe_error_kind pframe_kind_of_error(int code) {
    switch (code) {
    case AVERROR_INVALIDDATA: case AVERROR_EOF: return PFRAME_ERROR_DAMAGED;
    case AVERROR_BSF_NOT_FOUND: case AVERROR_DECODER_NOT_FOUND: case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND: case AVERROR_FILTER_NOT_FOUND: case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PROTOCOL_NOT_FOUND: case AVERROR_PATCHWELCOME: case AVERROR_EXPERIMENTAL:
        return PFRAME_ERROR_UNSUPPORTED;
    case AVERROR_STREAM_NOT_FOUND: case AVERROR_HTTP_NOT_FOUND: return PFRAME_ERROR_MISSING;
    case AVERROR_HTTP_UNAUTHORIZED: case AVERROR_HTTP_FORBIDDEN: return PFRAME_ERROR_REFUSED;
    case AVERROR_OPTION_NOT_FOUND: case AVERROR_HTTP_BAD_REQUEST: return PFRAME_ERROR_USAGE;
    case AVERROR_EXIT: return PFRAME_ERROR_INTERRUPTED;
    default: return PFRAME_ERROR_OTHER;
    }
}

static inline int64_t pframe_no_pts(void) { return AV_NOPTS_VALUE; }
static inline AVRational pframe_microseconds(void) { return AV_TIME_BASE_Q; }

// key_frame and interlaced_frame became flags in FFmpeg 6.1.
static inline int pframe_is_key(const AVFrame *frame) {
#ifdef AV_FRAME_FLAG_KEY
    return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
    return frame->key_frame;
#endif
}

static inline int pframe_is_interlaced(const AVFrame *frame) {
#ifdef AV_FRAME_FLAG_INTERLACED
    return (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
    return frame->interlaced_frame;
#endif
}

// The display matrix moved from the stream to its codec parameters in FFmpeg 6.1.
static inline const int32_t *_Nullable pframe_display_matrix(const AVStream *_Nonnull stream) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVPacketSideData *side = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return side && side->size >= 9 * sizeof(int32_t) ? (const int32_t *)side->data : NULL;
#else
    size_t size = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data && size >= 9 * sizeof(int32_t) ? (const int32_t *)data : NULL;
#endif
}

// Whether a packet is encrypted: by common encryption (MP4), or by a key that the track names (Matroska, WebM).
static inline int pframe_is_encrypted(const AVPacket *_Nonnull packet, const AVStream *_Nullable stream) {
    return av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, NULL)
        || (stream && av_dict_get(stream->metadata, "enc_key_id", NULL, 0));
}

// av_log takes a va_list callback, which Swift cannot form: libavcodec's own lines are switched off instead,
// since every failure reaches the user as one line of ours.
static inline void pframe_silence_log(void) { av_log_set_level(AV_LOG_QUIET); }

// Where the bytes of an index entry end; its fields are bits, which Swift does not read.
static inline int64_t pframe_index_entry_end(AVStream *_Nonnull stream, int index) {
    const AVIndexEntry *entry = avformat_index_get_entry(stream, index);
    return entry ? entry->pos + entry->size : -1;
}

// The display matrix that came with a picture (H.264's display orientation SEI).
static inline const int32_t *_Nullable pframe_frame_matrix(const AVFrame *_Nonnull frame) {
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    return side && side->size >= 9 * sizeof(int32_t) ? (const int32_t *)side->data : NULL;
}

// Sets the display matrix of an output stream: nine numbers.
static inline int pframe_set_display_matrix(AVStream *_Nonnull stream, const int32_t *_Nonnull numbers) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    AVPacketSideData *side = av_packet_side_data_new(
        &stream->codecpar->coded_side_data, &stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX,
        9 * sizeof(int32_t), 0);
    int32_t *matrix = side ? (int32_t *)side->data : NULL;
#else
    int32_t *matrix = (int32_t *)av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(int32_t));
#endif
    if (!matrix) return AVERROR(ENOMEM);
    memcpy(matrix, numbers, 9 * sizeof(int32_t));
    return 0;
}

// The QP of the blocks of a picture in raster order; returns how many there are, 0 where none were exported.
static inline int pframe_quantisers(const AVFrame *_Nonnull frame, int8_t *_Nullable out, int capacity) {
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_VIDEO_ENC_PARAMS);
    if (!side) return 0;
    AVVideoEncParams *parameters = (AVVideoEncParams *)side->data;
    for (unsigned int i = 0; i < parameters->nb_blocks && (int)i < capacity; i++)
        out[i] = (int8_t)(parameters->qp + av_video_enc_params_block(parameters, i)->delta_qp);
    return (int)parameters->nb_blocks;
}
