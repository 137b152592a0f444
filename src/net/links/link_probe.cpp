#include "net/links/link_port.hpp"

namespace cafka::net::links {

using boost::asio::ip::tcp;

namespace {
constexpr int looks = 4;
constexpr std::int64_t between_looks_ms = 20;
} // namespace

link_probe::link_probe(event_loop& loop, const link_rules& rules, link_dialler::target to, std::function<void()> refused)
    : loop_(loop), rules_(rules), to_(std::move(to)), refused_(std::move(refused)), resolver_(loop.io()) {}

link_probe::~link_probe() = default;

void link_probe::look() {
  if (looks_left_ > 0 || stopped_)
    return;
  looks_left_ = looks;
  once();
}

void link_probe::once() {
  resolver_.async_resolve(to_.host, std::to_string(to_.port), tcp::resolver::numeric_service,
                          [this](const boost::system::error_code& code, const tcp::resolver::results_type& found) {
                            if (code == boost::asio::error::operation_aborted || stopped_)
                              return;
                            if (code || found.empty())
                              return again();
                            current_ = std::make_shared<greeting>(loop_, tcp::socket{loop_.io()});
                            current_->limit(rules_.dial_ms);
                            current_->connect(*found.begin(), [this, self = current_](const result<void>& connected) {
                              if (stopped_ || current_ != self)
                                return;
                              std::exchange(current_, nullptr)->abandon();
                              if (connected || connected.error().code != errc::not_found)
                                return again();
                              looks_left_ = 0;
                              refused_();
                            });
                          });
}

void link_probe::again() {
  if (--looks_left_ > 0)
    retry_ = loop_.add_deadline(loop_.now_ms() + between_looks_ms, [this] { once(); });
}

void link_probe::stop() {
  stopped_ = true;
  resolver_.cancel();
  loop_.cancel_deadline(retry_);
  if (auto given_up = std::exchange(current_, nullptr))
    given_up->abandon();
}

} // namespace cafka::net::links
