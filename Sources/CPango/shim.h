// Cairo, which draws, Pango, which sets text for it, and Fontconfig, which knows what fonts there are.
//
// What is used of Pango is declared here: pango.pc hands on `-pthread` of one of GLib's files, at which SwiftPM warns in
// every build. Pango keeps these declarations through all of 1.x, and a test compares them with its headers.
#pragma once

#include <cairo.h>
#include <fontconfig/fontconfig.h>
#include <glib-object.h>

#ifdef PANGO_SCALE
_Static_assert(PANGO_SCALE == 1024 && PANGO_WEIGHT_NORMAL == 400 && PANGO_WEIGHT_BOLD == 700, "constants of Pango");
_Static_assert(PANGO_ELLIPSIZE_END == 3, "constants of Pango");
#else
#define PANGO_SCALE 1024
enum { PANGO_WEIGHT_NORMAL = 400, PANGO_WEIGHT_BOLD = 700, PANGO_ELLIPSIZE_END = 3 };
#endif

typedef struct _PangoContext PangoContext;
typedef struct _PangoFontDescription PangoFontDescription;
typedef struct _PangoFontMap PangoFontMap;
typedef struct _PangoLanguage PangoLanguage;
typedef struct _PangoLayout PangoLayout;
typedef struct _PangoLayoutLine PangoLayoutLine;

PangoFontMap *pango_cairo_font_map_get_default(void);
PangoContext *pango_font_map_create_context(PangoFontMap *map);
void pango_cairo_context_set_font_options(PangoContext *context, const cairo_font_options_t *options);
PangoLanguage *pango_language_from_string(const char *language);
void pango_context_set_language(PangoContext *context, PangoLanguage *language);

PangoFontDescription *pango_font_description_new(void);
void pango_font_description_free(PangoFontDescription *font);
void pango_font_description_set_family_static(PangoFontDescription *font, const char *family);
void pango_font_description_set_weight(PangoFontDescription *font, unsigned weight);
void pango_font_description_set_absolute_size(PangoFontDescription *font, double size);

PangoLayout *pango_layout_new(PangoContext *context);
void pango_layout_set_single_paragraph_mode(PangoLayout *layout, int setting);
void pango_layout_set_ellipsize(PangoLayout *layout, unsigned mode);
void pango_layout_set_text(PangoLayout *layout, const char *text, int length);
void pango_layout_set_font_description(PangoLayout *layout, const PangoFontDescription *font);
void pango_layout_set_width(PangoLayout *layout, int width);
void pango_layout_get_size(PangoLayout *layout, int *width, int *height);
PangoLayoutLine *pango_layout_get_line_readonly(PangoLayout *layout, int line);
void pango_cairo_show_layout_line(cairo_t *cairo, PangoLayoutLine *line);
