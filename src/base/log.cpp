#include "base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace cafka {

namespace {
spdlog::level::level_enum level_of(log_level level) noexcept {
  switch (level) {
  case log_level::debug: return spdlog::level::debug;
  case log_level::info: return spdlog::level::info;
  case log_level::warn: return spdlog::level::warn;
  case log_level::error: return spdlog::level::err;
  case log_level::off: break;
  }
  return spdlog::level::off;
}
} // namespace

void start_logging(log_level level) {
  auto logger = std::make_shared<spdlog::logger>("cafka", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %v");
  logger->set_level(level_of(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void write_log_line(log_level level, fmt::string_view format, fmt::format_args arguments) noexcept {
  auto* const logger = spdlog::default_logger_raw();
  if (!logger->should_log(level_of(level)))
    return;
  try {
    fmt::memory_buffer line;
    fmt::vformat_to(std::back_inserter(line), format, arguments);
    logger->log(level_of(level), spdlog::string_view_t{line.data(), line.size()});
  } catch (const std::exception&) { // no memory, a full disk behind stderr: what happened goes on without its line
  }
}

bool rate_limiter::allow(std::int64_t monotonic_ms, std::int64_t& held_back) noexcept {
  auto start = window_start_ms_.load(std::memory_order_relaxed);
  if (start < 0 || monotonic_ms - start >= interval_ms_) {
    if (window_start_ms_.compare_exchange_strong(start, monotonic_ms, std::memory_order_relaxed))
      used_.store(0, std::memory_order_relaxed);
  }
  if (used_.fetch_add(1, std::memory_order_relaxed) >= burst_) {
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  held_back = held_back_.exchange(0, std::memory_order_relaxed);
  return true;
}

} // namespace cafka
