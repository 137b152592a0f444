// What a program outside this tree includes and links.
#include <cafka/base/error.hpp>
#include <cstdio>

int main() {
  cafka::result<int> answer = cafka::fail(cafka::errc::message_too_large);
  std::printf("%d\n", static_cast<int>(answer.error().code));
  return answer ? 1 : 0;
}
