// OpenBLAS's C interface: matrix products of caption and frame embeddings.
#pragma once

#include <cblas.h>
