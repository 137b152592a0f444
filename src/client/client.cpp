#include "client/client.hpp"

#include "client/internal/core.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace cafka::client {

struct cluster::own_thread {
  std::shared_ptr<asio::io_context> io = std::make_shared<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work{io->get_executor()};
  std::thread thread;
};

cluster::cluster(cluster_config config) : thread_(std::make_unique<own_thread>()) {
  core_ = std::make_shared<core>(thread_->io->get_executor(), std::move(config), thread_->io);
  thread_->thread = std::thread([io = thread_->io] { io->run(); });
  core_->set_thread(thread_->thread.get_id());
}

cluster::cluster(asio::any_io_executor executor, cluster_config config)
    : core_(std::make_shared<core>(std::move(executor), std::move(config), nullptr)) {}

cluster::cluster(cluster&&) noexcept = default;
cluster& cluster::operator=(cluster&& other) noexcept {
  std::swap(thread_, other.thread_); // the other's destructor ends what was ours
  std::swap(core_, other.core_);
  return *this;
}

cluster::~cluster() {
  if (!core_)
    return;
  close();
  if (!thread_)
    return;
  thread_->work.reset();
  if (std::this_thread::get_id() == thread_->thread.get_id()) { // a handler dropped the last one: it cannot await itself
    thread_->thread.detach();
    return;
  }
  thread_->thread.join();
  core_->mark_gone();
  thread_->io->restart(); // what another thread posted just as run() returned
  thread_->io->poll();
}

asio::any_io_executor cluster::executor() const { return core_->executor(); }
const cluster_config& cluster::config() const noexcept { return core_->config(); }
void cluster::close() { core_->close_from_anywhere(); }

namespace {

asio::awaitable<result<cluster_description>> describe_freshly(std::shared_ptr<core> self) {
  auto deadline = steady_clock::now() + self->config().request_timeout;
  auto refreshed = co_await self->want_topics_and_wait({}, deadline, true);
  if (!refreshed)
    co_return tl::unexpected(refreshed.error());
  co_return self->description();
}

} // namespace

void cluster::start_describe(const std::shared_ptr<core>& self, completion<cluster_description> handler) {
  run_operation<cluster_description>(self, describe_freshly(self), std::move(handler));
}

result<cluster_description> cluster::describe() {
  return block_on<cluster_description>(*core_, [this](auto handler) { start_describe(core_, std::move(handler)); });
}

} // namespace cafka::client
