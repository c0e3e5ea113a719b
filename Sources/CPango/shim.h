// Cairo, which draws, Pango, which sets text for it, and Fontconfig, which knows what fonts there are.
#pragma once

#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
