// Points in time on the command line.
#pragma once
#include "base/error.hpp"

#include <cstdint>
#include <string_view>

namespace cafka::cli {

// Milliseconds since 1970 UTC from: such a number, "2026-11-21T04:15:00Z", with "+09:00" or fractions of a second, a bare date, or an age
// before `now_ms` as "-90s", "-15m", "-2h", "-7d". bad_argument otherwise.
result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);

// "2026-11-21T04:15:00.123Z"
std::string time_text(std::int64_t ms);

} // namespace cafka::cli
