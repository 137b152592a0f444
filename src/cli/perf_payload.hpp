// The values that `cafka perf produce` sends: random letters, or pieces of a file in a random order. The same in every run.
#pragma once
#include "base/error.hpp"
#include "base/prng.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::cli {

class perf_payload {
public:
  // Each of `bytes` capital letters. They come from a store of letters that is far larger than a batch, so that no batch repeats itself:
  // drawing each letter anew would cost more than sending it.
  static perf_payload letters(std::size_t bytes);
  // What stands between delimiters in the file; bad_argument if that is nothing, or too much to be held in memory.
  static result<perf_payload> pieces_of(const std::string& path, const std::string& delimiter, std::size_t max_bytes);

  // Lives as long as this object.
  std::string_view next();
  [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

private:
  perf_payload() = default;

  prng random_{0};
  std::string letters_; // empty: pieces
  std::size_t position_ = 0;
  std::vector<std::string> pieces_;
  std::size_t longest_ = 0;
};

} // namespace cafka::cli
