// Unicode's canonical composition.
#pragma once

#include <utf8proc.h>
