// Pieces of a file or pipe between delimiters, byte for byte, at the speed of large reads and in bounded memory.
#pragma once
#include "base/error.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::cli {

class line_source {
public:
  // Takes over `descriptor`. `delimiter` is not empty. A piece longer than `max_bytes` is an error.
  line_source(int descriptor, std::string name, std::string delimiter, std::size_t max_bytes);
  ~line_source();
  line_source(const line_source&) = delete;
  line_source& operator=(const line_source&) = delete;

  // The next piece without its delimiter; it lives until the next call. nullopt at the end (a last piece without delimiter counts), or when
  // `interrupt_descriptor` became readable while nothing was there to read.
  result<std::optional<std::string_view>> next(int interrupt_descriptor);
  // Of the piece last returned, from 1.
  [[nodiscard]] std::uint64_t line() const noexcept { return line_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // All that is left, as one piece.
  result<std::string> rest(int interrupt_descriptor);

private:
  // False at the end of the input or after an interrupt.
  result<bool> fill(int interrupt_descriptor);

  int descriptor_;
  std::string name_;
  std::string delimiter_;
  std::size_t max_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0; // first byte not handed out
  std::size_t end_ = 0; // behind the last byte read
  std::size_t scanned_ = 0; // no delimiter begins before this
  std::uint64_t line_ = 0;
  bool at_end_ = false;
};

} // namespace cafka::cli
