// One line on standard error that is written over while a command moves many records, and a closing one. Only where a person looks on:
// standard error is a terminal and the command was not told to be quiet.
#pragma once
#include <chrono>
#include <cstdint>
#include <string_view>

namespace cafka::cli {

class progress {
public:
  // `verb`: "produced", "consumed". `wanted`: false keeps silent.
  progress(std::string_view verb, bool wanted);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void add(std::uint64_t bytes) {
    ++records_;
    bytes_ += bytes;
    if ((records_ & 1023) == 0)
      tick();
  }
  // Writes the line if a second has passed since the last.
  void tick();
  // Ends the line; before any other message.
  void finish();

private:
  using steady = std::chrono::steady_clock;
  void write_line();

  std::string_view verb_;
  bool wanted_;
  bool line_is_open_ = false;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  steady::time_point start_ = steady::now();
  steady::time_point last_ = start_;
};

} // namespace cafka::cli
