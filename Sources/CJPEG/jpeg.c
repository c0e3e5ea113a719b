#include "CJPEG.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

struct error_manager {
    struct jpeg_error_mgr base;
    jmp_buf escape;
    char *message;
};

static void fail(j_common_ptr info) {
    struct error_manager *manager = (struct error_manager *)info->err;
    (*info->err->format_message)(info, manager->message);
    longjmp(manager->escape, 1);
}

// libjpeg warns and invents pixels where data is missing; here that is an error.
static void fail_on_warning(j_common_ptr info, int level) {
    if (level < 0) fail(info);
}

static struct jpeg_error_mgr *install(struct error_manager *manager, char *message) {
    struct jpeg_error_mgr *base = jpeg_std_error(&manager->base);
    base->error_exit = fail;
    base->emit_message = fail_on_warning;
    manager->message = message;
    return base;
}

int pframe_jpeg_encode(const uint8_t *rgb, int width, int height, int quality, uint8_t **out, size_t *out_size,
                       char *message) {
    struct jpeg_compress_struct info;
    struct error_manager manager;
    unsigned char *grown = NULL;
    unsigned long size = 0;

    info.err = install(&manager, message);
    if (setjmp(manager.escape)) {
        jpeg_destroy_compress(&info);
        free(*(unsigned char *volatile *)&grown);
        return -1;
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &grown, &size);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = (JSAMPROW)(rgb + (size_t)info.next_scanline * (size_t)width * 3);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    *out = grown;
    *out_size = size;
    return 0;
}

int pframe_jpeg_decode(const uint8_t *data, size_t size, uint8_t **out, int *width, int *height, char *message) {
    struct jpeg_decompress_struct info;
    struct error_manager manager;
    uint8_t *volatile pixels = NULL;

    info.err = install(&manager, message);
    if (setjmp(manager.escape)) {
        jpeg_destroy_decompress(&info);
        free(pixels);
        return -1;
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, data, (unsigned long)size);
    jpeg_read_header(&info, TRUE);
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    size_t row_size = (size_t)info.output_width * 3;
    pixels = malloc(row_size * info.output_height);
    if (!pixels) {
        jpeg_destroy_decompress(&info);
        snprintf(message, PFRAME_JPEG_MESSAGE_SIZE, "out of memory");
        return -1;
    }
    while (info.output_scanline < info.output_height) {
        JSAMPROW row = pixels + info.output_scanline * row_size;
        jpeg_read_scanlines(&info, &row, 1);
    }
    *width = (int)info.output_width;
    *height = (int)info.output_height;
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    *out = pixels;
    return 0;
}
