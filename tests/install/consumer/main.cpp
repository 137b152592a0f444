// What a program outside this tree includes and links. No node is needed: an address that cannot be one is refused at once.
#include <cafka/client/admin.hpp>
#include <cafka/client/client.hpp>
#include <cafka/client/consumer.hpp>
#include <cafka/client/producer.hpp>
#include <cstdio>

int main() {
  cafka::client::cluster cluster{{.bootstrap_servers = "localhost:not-a-port"}};
  auto description = cluster.describe();
  if (description || description.error().code != cafka::errc::bad_argument) {
    std::printf("expected bad_argument, got %d\n", description ? 0 : static_cast<int>(description.error().code));
    return 1;
  }
  std::printf("%s\n", description.error().detail.c_str());
}
