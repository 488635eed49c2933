// What the engine gets: the struct of functions of fusor/backend.h.
#pragma once

#include "fusor/backend.h"

namespace fusor::cuda {

const fusor_backend* backend();

}  // namespace fusor::cuda
