// Standard output in large pieces: exact bytes, flushed when the command has nothing more to say for now.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace cafka::cli {

class output {
public:
  explicit output(int descriptor = 1) : descriptor_(descriptor) {}

  // False once the reader has gone (EPIPE) or the descriptor failed: the command ends. Errors stay.
  bool write(std::string_view bytes);
  bool flush();
  // To append to directly; call spill() after each record.
  [[nodiscard]] std::string& buffer() noexcept { return buffer_; }
  bool spill() { return buffer_.size() < capacity || flush(); }

  [[nodiscard]] bool ok() const noexcept { return errno_ == 0; }
  // The exit code to end with: broken_pipe quietly, failure with a message.
  [[nodiscard]] int failure_code() const;

private:
  static constexpr std::size_t capacity = 256 * 1024;
  int descriptor_;
  int errno_ = 0;
  std::string buffer_;
};

} // namespace cafka::cli
