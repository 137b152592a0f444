#include "base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace cafka {

void start_logging(log_level level) {
  auto logger = std::make_shared<spdlog::logger>("cafka", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %v");
  switch (level) {
  case log_level::debug: logger->set_level(spdlog::level::debug); break;
  case log_level::info: logger->set_level(spdlog::level::info); break;
  case log_level::warn: logger->set_level(spdlog::level::warn); break;
  case log_level::error: logger->set_level(spdlog::level::err); break;
  case log_level::off: logger->set_level(spdlog::level::off); break;
  }
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
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
