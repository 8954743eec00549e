// SPDX-License-Identifier: Apache-2.0
// What an HTTP server and the application behind it say to each other; no socket is seen from here.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace blindbox::http {

struct Request {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

struct Response {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
};

// The answer to one request: respond() once, or begin_stream(), any number of write() and end().
class ResponseSink {
 public:
  ResponseSink() = default;
  ResponseSink(const ResponseSink&) = delete;
  ResponseSink& operator=(const ResponseSink&) = delete;
  virtual ~ResponseSink() = default;

  virtual void respond(Response response) = 0;
  virtual void begin_stream(unsigned status, std::string content_type) = 0;
  // Blocks while the client does not read; false when the client is gone, and nothing more is of use.
  virtual bool write(std::string chunk) = 0;
  virtual void end() = 0;
};

// Called on a worker thread, possibly several at a time. The token asks to stop when the client goes away or the
// server shuts down.
using Handler = std::function<void(const Request&, ResponseSink&, std::stop_token)>;

}  // namespace blindbox::http
