// The program's log: one line per event, to stderr, through spdlog. `CAFKA_LOG_INFO("started in {} ms", ms)`.
// Lines that bad input can cause go through a rate_limiter first, so that nobody can fill a disk from outside.
#pragma once
#include <atomic>
#include <cstdint>
#include <fmt/core.h>

#define CAFKA_LOG_DEBUG(...) ::cafka::log(::cafka::log_level::debug, __VA_ARGS__)
#define CAFKA_LOG_INFO(...) ::cafka::log(::cafka::log_level::info, __VA_ARGS__)
#define CAFKA_LOG_WARN(...) ::cafka::log(::cafka::log_level::warn, __VA_ARGS__)
#define CAFKA_LOG_ERROR(...) ::cafka::log(::cafka::log_level::error, __VA_ARGS__)

namespace cafka {

enum class log_level { debug, info, warn, error, off };

// Formatted and written in one place: spdlog's templates and fmt's would else be compiled wherever something is logged, seconds for each file.
void write_log_line(log_level level, fmt::string_view format, fmt::format_args arguments) noexcept;
template <class... T>
void log(log_level level, fmt::format_string<T...> format, T&&... arguments) noexcept {
  write_log_line(level, format, fmt::make_format_args(arguments...));
}

// Once, at start: format, level, stderr (stdout belongs to the command's own output).
void start_logging(log_level level);

// At most `burst` lines per `interval_ms`; what was held back is counted. Safe from any thread.
class rate_limiter {
public:
  rate_limiter(std::int64_t interval_ms, std::int32_t burst) : interval_ms_(interval_ms), burst_(burst) {}
  // True if the line may be written. `held_back` is how many were not since the last one that was.
  bool allow(std::int64_t monotonic_ms, std::int64_t& held_back) noexcept;

private:
  const std::int64_t interval_ms_;
  const std::int32_t burst_;
  std::atomic<std::int64_t> window_start_ms_{-1};
  std::atomic<std::int32_t> used_{0};
  std::atomic<std::int64_t> held_back_{0};
};

} // namespace cafka
