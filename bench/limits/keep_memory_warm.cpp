// On a virtual machine that hands freed memory back to its host, getting it again costs seconds per GB and swamps every figure.
// Touches `gib` GiB, then frees all but one page in each 64 KiB, so that no block large enough to hand back forms; waits until it is ended.
#include "limit_tools.hpp"

#include <csignal>
#include <sys/mman.h>

int main(int argc, char** argv) {
  const limits::arguments given(argc, argv, {{"gib", "8"}});
  constexpr std::size_t page = 4096, stride = 64u << 10;
  const auto size = static_cast<std::size_t>(given.number("gib")) << 30;
  auto* memory = static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (memory == MAP_FAILED)
    limits::give_up("mmap");
  madvise(memory, size, MADV_NOHUGEPAGE);
  for (std::size_t at = 0; at < size; at += page)
    memory[at] = 1;
  for (std::size_t at = 0; at < size; at += stride)
    madvise(memory + at + page, stride - page, MADV_DONTNEED);
  std::printf("warm: %ld GiB\n", given.number("gib"));
  std::fflush(stdout);
  pause();
}
