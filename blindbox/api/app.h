// SPDX-License-Identifier: Apache-2.0
// The application behind the HTTP server: finds the route, asks who it is, admits, parses, and has the engine answer in
// the protocol in which it was asked.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "blindbox/api/metrics.h"
#include "blindbox/api/routes.h"
#include "blindbox/http/handler.h"
#include "blindbox/keys/key_ring.h"
#include "blindbox/keys/ledger.h"

namespace blindbox::api {

struct AppSettings {
  std::chrono::milliseconds time_limit{std::chrono::minutes(5)};  // for one generation, its wait in the queue included
  // Whose request it is (Request::tenant): an API key's digest; without a key the value of this field, which the
  // server in front sets for each connection; without either, one tenant for all.
  std::string connection_field;
  // Who may ask at all, and how much. Without it everybody may, and nobody reads /metrics.
  std::shared_ptr<keys::KeyRing> keys;
};

class App {
 public:
  explicit App(std::unique_ptr<completion::Generator> generator, AppSettings settings = {});

  [[nodiscard]] const completion::ModelInfo& model() const { return generator_->info(); }

  // Answers in any case, unless the client is gone. Safe to call from several threads.
  void handle(const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop);

  // handle() as the server wants it; must not outlive this object.
  [[nodiscard]] http::Handler handler();

  // What runs goes on, nothing new begins: 503, and /ready says so.
  void drain() { draining_ = true; }

 private:
  struct Visitor {
    std::string tenant;
    keys::Limits limits;
    bool may_metrics = false;
  };
  tl::expected<Visitor, Failure> visitor(const http::Request& request, const Route& route) const;
  tl::expected<keys::Ticket, Failure> admit(const Visitor& visitor);
  Desk desk(const Visitor& visitor);
  unsigned answer(const Route& route, const http::Request& request, http::ResponseSink& sink,
                  const std::stop_token& stop);
  unsigned complete(const Route& route, const http::Request& request, const Visitor& visitor, http::ResponseSink& sink,
                    const std::stop_token& stop);
  unsigned refuse(const Route& route, http::ResponseSink& sink, const Failure& failure);

  std::unique_ptr<completion::Generator> generator_;
  AppSettings settings_;
  ModelFacts model_;
  Metrics metrics_;
  keys::Ledger ledger_;
  std::atomic<bool> draining_ = false;
};

}  // namespace blindbox::api
