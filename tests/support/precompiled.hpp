// Precompiled into every test program. Each test file defines CAF_SUITE itself, before it includes the same headers.
#pragma once
#include <caf/test/dsl.hpp>
#include <rapidcheck.h>
#undef CAF_SUITE
