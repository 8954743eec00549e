// SPDX-License-Identifier: Apache-2.0
// The application behind the HTTP server: routes a request, hands it to the engine, and answers in the protocol in
// which it was asked.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "blindbox/completion/api.h"
#include "blindbox/completion/engine.h"
#include "blindbox/http/handler.h"

namespace blindbox::completion {

struct AppSettings {
  std::chrono::milliseconds time_limit{std::chrono::minutes(5)};  // for one request, its wait in the queue included
  // Whose request it is (Request::tenant): an API key's digest; without a key the value of this field, which the
  // server in front sets for each connection; without either, one tenant for all.
  std::string connection_field;
};

class App {
 public:
  explicit App(std::unique_ptr<Generator> generator, AppSettings settings = {});

  [[nodiscard]] const ModelInfo& model() const { return generator_->info(); }

  // Answers in any case, unless the client is gone. Safe to call from several threads.
  void handle(const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop);

  // handle() as the server wants it; must not outlive this object.
  [[nodiscard]] http::Handler handler();

 private:
  void complete(const http::Request& request, Result<ApiRequest> parsed, http::ResponseSink& sink,
                const std::stop_token& stop);

  std::unique_ptr<Generator> generator_;
  AppSettings settings_;
};

}  // namespace blindbox::completion
