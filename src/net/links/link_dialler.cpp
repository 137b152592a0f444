#include "base/log.hpp"
#include "net/links/link_port.hpp"

namespace cafka::net::links {

using boost::asio::ip::tcp;

link_dialler::link_dialler(event_loop& loop, const link_limits& limits, target to, own_hello own, link_opened opened,
                           std::function<void()> refused, superseded outdated)
    : loop_(loop),
      limits_(limits),
      to_(std::move(to)),
      own_(std::move(own)),
      opened_(std::move(opened)),
      refused_(std::move(refused)),
      outdated_(std::move(outdated)),
      resolver_(loop.io()) {}

link_dialler::~link_dialler() = default;

void link_dialler::dial() {
  if (dialling_ || stopped_)
    return;
  dialling_ = true;
  resolver_.async_resolve(to_.host, std::to_string(to_.port), tcp::resolver::numeric_service,
                          [this](const boost::system::error_code& code, const tcp::resolver::results_type& found) {
                            if (code == boost::asio::error::operation_aborted || stopped_)
                              return;
                            if (code || found.empty())
                              return failed({errc::io_error, to_.host + ": " + code.message()});
                            resolved(found);
                          });
}

// The first address only: a name in controller.quorum.voters means one node.
void link_dialler::resolved(const tcp::resolver::results_type& found) {
  current_ = std::make_shared<greeting>(loop_, tcp::socket{loop_.io()});
  current_->limit(limits_.dial_ms);
  current_->connect(*found.begin(), [this, self = current_](const result<void>& connected) {
    if (stopped_ || current_ != self)
      return;
    if (!connected)
      return failed(connected.error());
    greet();
  });
}

void link_dialler::greet() {
  current_->say(own_(), [this, self = current_](const result<void>& sent) {
    if (stopped_ || current_ != self)
      return;
    if (!sent)
      return failed(sent.error());
    self->hear([this, self](const result<hello>& said) {
      if (!stopped_ && current_ == self)
        answered(said);
    });
  });
}

void link_dialler::answered(const result<hello>& said) {
  if (!said)
    return failed(said.error());
  if (outdated_ && is_superseded(own_(), *said))
    outdated_(*said);
  if (!said->refusal.empty())
    return failed({errc::bad_argument, "it refused the link: " + said->refusal});
  const auto version = agree(own_(), *said, to_.id);
  if (!version)
    return failed(version.error());
  dialling_ = false;
  wait_ms_ = 0;
  told_.clear();
  auto socket = std::exchange(current_, nullptr)->release();
  opened_({std::move(socket), *said, *version, true});
}

void link_dialler::failed(const error& why) {
  if (auto given_up = std::exchange(current_, nullptr))
    given_up->abandon();
  if (why.detail != told_) {
    told_ = why.detail;
    CAFKA_LOG_WARN("no link to node {} at {}:{}: {}; trying again", to_.id, to_.host, to_.port, why.detail);
  }
  wait_ms_ = wait_ms_ == 0 ? limits_.first_retry_ms : std::min(2 * wait_ms_, limits_.max_retry_ms);
  retry_ = loop_.add_deadline(loop_.now_ms() + wait_ms_, [this] {
    dialling_ = false;
    dial();
  });
  if (why.code == errc::not_found)
    refused_();
}

void link_dialler::stop() {
  stopped_ = true;
  resolver_.cancel();
  loop_.cancel_deadline(retry_);
  if (auto given_up = std::exchange(current_, nullptr))
    given_up->abandon();
}

} // namespace cafka::net::links
