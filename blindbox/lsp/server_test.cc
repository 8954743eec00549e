// SPDX-License-Identifier: Apache-2.0
// The server between an editor that the test plays and a proxy that it plays too, over real sockets.
#include "blindbox/lsp/server.h"

#include <gmock/gmock.h>

#include <boost/asio/executor_work_guard.hpp>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>

#include "blindbox/http/testing.h"
#include "blindbox/lsp/message.h"
#include "blindbox/net/socket_stream.h"

namespace blindbox::lsp {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// What the proxy was asked, and what it shall say: each answer waits for its release where it has one.
struct FakeProxy {
  std::vector<std::string> pieces{"answer"};
  unsigned status = 200;
  std::string error;
  std::string verdict = "accepted";
  bool hangs = false;  // after the pieces, until the client is gone
  std::mutex mutex;
  std::vector<json> asked;
  std::atomic<int> gone = 0;

  void handle(const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop) {
    {
      const std::scoped_lock lock(mutex);
      asked.push_back(json::parse(request.body));
    }
    if (status != 200) return sink.respond({status, "application/json", error, {{"Blindbox-Verdict", verdict}}});
    std::string body;
    for (const auto& piece : pieces) body += "data: " + json{{"content", piece}, {"stop", false}}.dump() + "\n\n";
    const std::string last = "data: " + json{{"content", ""}, {"stop", true}, {"stop_type", "eos"}}.dump() + "\n\n";
    if (!hangs) return sink.respond({200, "text/event-stream", body + last, {{"Blindbox-Verdict", verdict}}});
    sink.begin_stream(200, "text/event-stream");
    (void)sink.write(body);
    std::mutex waiting;
    std::unique_lock lock(waiting);
    std::condition_variable_any().wait(lock, stop, [] { return false; });
    ++gone;
  }
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() : work_(loop_.get_executor()) {}

  void start(bool configuration = false) {
    open_ = [this]() -> net::Task<Result<Line>> { return open_line(application_.port()); };
    server_.emplace(loop_.get_executor(), ServerOptions{"1.2.3", "the proxy", open_, {}, may_leave_},
                    [this](const std::string& text) { said_.push_back(json::parse(text)); });
    json capabilities = {{"general", {{"positionEncodings", {"utf-16"}}}}};
    if (configuration) capabilities["workspace"]["configuration"] = true;
    request("initialize", {{"capabilities", capabilities},
                           {"workspaceFolders", {{{"uri", "file:///p"}, {"name", "p"}}}},
                           {"initializationOptions", {{"debounceMs", 0}}}});
    initialized_ = answer(next_id_ - 1);
    notify("initialized", json::object());
  }

  static net::Task<Result<Line>> open_line(std::uint16_t port) {
    const net::HostPort at{"127.0.0.1", port};
    auto socket = co_await net::connect_tcp(at, std::chrono::seconds(10));
    if (!socket) co_return base::pass_on(socket);
    Result<Line> line = Line();
    line->stream = std::make_unique<net::SocketStream>(std::move(*socket));
    line->host = "127.0.0.1";
    co_return line;
  }

  int request(const std::string& method, json params) {
    server_->take(write(make_request(next_id_, method, std::move(params))));
    return next_id_++;
  }
  void notify(const std::string& method, json params) {
    server_->take(write(make_notification(method, std::move(params))));
  }
  void open(const std::string& name, const std::string& text) {
    notify(
        "textDocument/didOpen",
        {{"textDocument", {{"uri", "file:///p/" + name}, {"languageId", "python"}, {"version", 1}, {"text", text}}}});
  }
  void type(const std::string& name, int line, int character, const std::string& text) {
    const json at = {{"line", line}, {"character", character}};
    notify("textDocument/didChange", {{"textDocument", {{"uri", "file:///p/" + name}, {"version", 2}}},
                                      {"contentChanges", {{{"range", {{"start", at}, {"end", at}}}, {"text", text}}}}});
  }
  int complete(const std::string& name, int line, int character, int trigger = 1) {
    return request("textDocument/inlineCompletion", {{"textDocument", {{"uri", "file:///p/" + name}}},
                                                     {"position", {{"line", line}, {"character", character}}},
                                                     {"context", {{"triggerKind", trigger}}}});
  }
  // The response to a request of ours.
  json answer(int id) {
    json found;
    net::testing::run_until(loop_, [&] {
      for (const json& one : said_) {
        if (one.contains("id") && one["id"] == id && !one.contains("method")) found = one;
      }
      return !found.is_null();
    });
    return found;
  }
  std::string text(int id) {
    const json result = answer(id)["result"];
    if (!result.is_object() || !result["items"].is_array()) return "not a list: " + result.dump();
    return result["items"].empty() ? "" : result["items"][0]["insertText"].get<std::string>();
  }
  std::vector<std::string> shown() const {
    std::vector<std::string> all;
    for (const json& one : said_) {
      if (one.value("method", "") == "window/showMessage") all.push_back(one["params"]["message"]);
    }
    return all;
  }
  json asked(std::size_t number) {
    const std::scoped_lock lock(proxy_.mutex);
    return number < proxy_.asked.size() ? proxy_.asked[number] : json();
  }
  std::size_t times_asked() {
    const std::scoped_lock lock(proxy_.mutex);
    return proxy_.asked.size();
  }

  FakeProxy proxy_;
  net::asio::io_context loop_;
  net::asio::executor_work_guard<net::asio::io_context::executor_type> work_;
  http::testing::Application application_{
      loop_, [this](const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop) {
        proxy_.handle(request, sink, stop);
      }};
  Open open_;
  std::function<bool(const std::string&, const std::string&)> may_leave_;
  std::vector<json> said_;
  std::optional<Server> server_;
  json initialized_;
  int next_id_ = 1;
};

TEST_F(ServerTest, SaysWhatItCan) {
  start();
  const json result = initialized_["result"];
  EXPECT_EQ(result["capabilities"]["positionEncoding"], "utf-16");
  EXPECT_EQ(result["capabilities"]["textDocumentSync"]["change"], 2);
  EXPECT_TRUE(result["capabilities"].contains("inlineCompletionProvider"));
  EXPECT_TRUE(result["capabilities"].contains("completionProvider")) << "for editors without ghost text";
  EXPECT_EQ(result["serverInfo"]["version"], "1.2.3");
}

TEST_F(ServerTest, FillsAHoleBehindAnEmoji) {
  proxy_.pieces = {"return ", "a\n    return b", "\n"};
  start();
  open("a.py", "s = '😀'; \nx = 1\n");
  open("b.py", "neighbour\n" + std::string(200, '#'));
  const int id = complete("a.py", 0, 10);
  EXPECT_EQ(text(id), "return a\n    return b");
  const json range = answer(id)["result"]["items"][0]["range"];
  EXPECT_EQ(range, json::parse(R"({"start":{"line":0,"character":10},"end":{"line":0,"character":10}})"));
  const json request = asked(0);
  EXPECT_EQ(request["input_prefix"], "s = '😀'; ");
  EXPECT_EQ(request["input_suffix"], "\nx = 1\n");
  EXPECT_EQ(request["input_extra"][0]["filename"], "b.py");
  EXPECT_FALSE(request.contains("stop"));
  EXPECT_THAT(shown(), IsEmpty());
}

TEST_F(ServerTest, StopsAtTheLineWhereTheLineGoesOn) {
  proxy_.pieces = {"a\nb"};
  start();
  open("a.py", "f()\n");
  EXPECT_EQ(text(complete("a.py", 0, 2)), "a");
  EXPECT_EQ(asked(0)["stop"], json::array({"\n"}));
}

TEST_F(ServerTest, TypingOnReusesWhatAgrees) {
  proxy_.pieces = {"hello world"};
  start();
  open("a.py", "");
  EXPECT_EQ(text(complete("a.py", 0, 0)), "hello world");
  type("a.py", 0, 0, "hell");
  EXPECT_EQ(text(complete("a.py", 0, 4)), "o world");
  EXPECT_EQ(times_asked(), 1U);
  type("a.py", 0, 4, "x");
  EXPECT_EQ(text(complete("a.py", 0, 5)), "hello world");
  EXPECT_EQ(times_asked(), 2U);
}

TEST_F(ServerTest, ALaterRequestTakesThePlaceOfAnEarlierOne) {
  proxy_.pieces = {"abc"};
  proxy_.hangs = true;
  start();
  open("a.py", "");
  const int first = complete("a.py", 0, 0);
  net::testing::run_until(loop_, [&] { return times_asked() == 1; });
  type("a.py", 0, 0, "zzz");
  proxy_.hangs = false;
  const int second = complete("a.py", 0, 3);
  EXPECT_EQ(answer(first)["error"]["code"], -32801);
  EXPECT_EQ(text(second), "abc");
  net::testing::run_until(loop_, [&] { return proxy_.gone == 1; });
}

TEST_F(ServerTest, WhatIsCancelledIsStoppedAtTheServer) {
  proxy_.hangs = true;
  start();
  open("a.py", "");
  const int id = complete("a.py", 0, 0);
  net::testing::run_until(loop_, [&] { return times_asked() == 1; });
  notify("$/cancelRequest", {{"id", id}});
  EXPECT_EQ(answer(id)["error"]["code"], -32800);
  net::testing::run_until(loop_, [&] { return proxy_.gone == 1; });
  EXPECT_THAT(shown(), IsEmpty()) << "to cancel is no failure";
}

TEST_F(ServerTest, ARefusalIsToldOnceWithItsCheck) {
  proxy_.status = 502;
  proxy_.error = R"({"error":{"code":502,"type":"evidence_not_acceptable","message":"the evidence is not acceptable: )"
                 R"(sev_snp.measurement: expected 91bc, found 3f2a"}})";
  start();
  open("a.py", "");
  EXPECT_EQ(text(complete("a.py", 0, 0)), "");
  EXPECT_EQ(text(complete("a.py", 0, 0)), "");
  ASSERT_THAT(shown(), SizeIs(1));
  EXPECT_THAT(shown()[0], HasSubstr("sev_snp.measurement"));
  EXPECT_THAT(shown()[0], HasSubstr("nothing was sent"));
  proxy_.status = 200;
  EXPECT_EQ(text(complete("a.py", 0, 0)), "answer");
  ASSERT_THAT(shown(), SizeIs(2));
  EXPECT_THAT(shown()[1], HasSubstr("again"));
}

TEST_F(ServerTest, EmulatorsAndStrangersAreNamed) {
  proxy_.verdict = "accepted; EMULATED, NOT A TEE";
  start();
  open("a.py", "");
  EXPECT_EQ(text(complete("a.py", 0, 0)), "answer");
  ASSERT_THAT(shown(), SizeIs(1));
  EXPECT_THAT(shown()[0], HasSubstr("EMULATED, NOT A TEE"));
}

TEST_F(ServerTest, WhatMayNotLeaveDoesNot) {
  may_leave_ = [](const std::string& path, const std::string& folder) {
    EXPECT_EQ(folder, "/p");
    return path != "/p/.env";
  };
  start();
  open(".env", "KEY=" + std::string(200, 'k'));
  open("a.py", "");
  EXPECT_EQ(text(complete(".env", 0, 0)), "");
  EXPECT_EQ(times_asked(), 0U);
  EXPECT_EQ(text(complete("a.py", 0, 0)), "answer");
  EXPECT_FALSE(asked(0).contains("input_extra"));
}

TEST_F(ServerTest, TheOldCompletionIsAMenu) {
  proxy_.pieces = {"lo(a,\n  b)"};
  start();
  open("a.py", "x = hel\n");
  const int id = request("textDocument/completion", {{"textDocument", {{"uri", "file:///p/a.py"}}},
                                                     {"position", {{"line", 0}, {"character", 7}}}});
  const json item = answer(id)["result"]["items"][0];
  EXPECT_EQ(item["label"], "hello(a, …");
  EXPECT_EQ(item["filterText"], "hello(a,");
  EXPECT_EQ(item["textEdit"]["newText"], "hello(a,\n  b)");
  EXPECT_EQ(item["textEdit"]["range"]["start"]["character"], 4);
}

TEST_F(ServerTest, AChosenMenuItemIsCompleted) {
  proxy_.pieces = {"ln(x)"};
  start();
  open("a.py", "pri\n");
  const int id = request(
      "textDocument/inlineCompletion",
      json::parse(
          R"({"textDocument":{"uri":"file:///p/a.py"},"position":{"line":0,"character":3},"context":{"triggerKind":1,
      "selectedCompletionInfo":{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":3}},"text":"print"}}})"));
  EXPECT_EQ(text(id), "println(x)");
  EXPECT_EQ(answer(id)["result"]["items"][0]["range"]["start"]["character"], 0);
  EXPECT_EQ(asked(0)["input_prefix"], "print");
}

TEST_F(ServerTest, SettingsComeFromTheWorkspace) {
  start(true);
  const auto wanted = [this] { return said_.back().value("method", "") == "workspace/configuration"; };
  ASSERT_TRUE(wanted()) << said_.back();
  const json id = said_.back()["id"];
  server_->take(write(make_result(id, {{{"maxTokens", 7}, {"wrong", 1}}})));
  EXPECT_THAT(said_.back()["params"]["message"].get<std::string>(), HasSubstr("blindbox.wrong"));
  open("a.py", "");
  EXPECT_EQ(text(complete("a.py", 0, 0)), "answer");
  EXPECT_EQ(asked(0)["n_predict"], 7);
  notify("workspace/didChangeConfiguration", {{"settings", {{"blindbox", {{"automatic", false}}}}}});
  EXPECT_EQ(text(complete("a.py", 0, 0, 2)), "");
  EXPECT_EQ(times_asked(), 1U);
}

TEST_F(ServerTest, TypingIsWaitedForBeforeAnythingLeaves) {
  start();
  notify("workspace/didChangeConfiguration", {{"settings", {{"blindbox", {{"debounceMs", 60}}}}}});
  open("a.py", "");
  std::vector<int> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(complete("a.py", 0, i, 2));
    type("a.py", 0, i, "x");
  }
  const int last = complete("a.py", 0, 5, 2);
  EXPECT_EQ(text(last), "answer");
  EXPECT_EQ(times_asked(), 1U);
  for (const int id : ids) EXPECT_EQ(answer(id)["error"]["code"], -32801);
}

TEST_F(ServerTest, MistakesAreAnswered) {
  start();
  open("a.py", "");
  EXPECT_EQ(answer(request("nothing/known", {}))["error"]["code"], -32601);
  EXPECT_EQ(answer(complete("closed.py", 0, 0))["error"]["code"], -32602);
  EXPECT_EQ(answer(complete("a.py", -1, 0))["error"]["code"], -32602);
  EXPECT_EQ(answer(request("initialize", {}))["error"]["code"], -32600);
  for (const auto& [bad, code] : {std::pair{"{", -32700}, std::pair{"[]", -32600}}) {
    server_->take(bad);
    EXPECT_EQ(said_.back()["error"]["code"], code);
    EXPECT_TRUE(said_.back()["id"].is_null());
  }
  const std::size_t before = said_.size();
  for (const char* method :
       {"$/setTrace", "textDocument/didSave", "$/cancelRequest", "workspace/didChangeConfiguration"}) {
    notify(method, json::array({1}));
  }
  EXPECT_EQ(said_.size(), before);
}

TEST_F(ServerTest, EndsAsTheProtocolWants) {
  start();
  proxy_.hangs = true;
  open("a.py", "");
  const int id = complete("a.py", 0, 0);
  const int end = request("shutdown", nullptr);
  EXPECT_EQ(answer(id)["error"]["code"], -32801);
  EXPECT_TRUE(answer(end)["result"].is_null());
  EXPECT_EQ(answer(complete("a.py", 0, 0))["error"]["code"], -32600);
  EXPECT_FALSE(server_->exit_status());
  notify("exit", nullptr);
  EXPECT_EQ(server_->exit_status(), 0);
}

TEST_F(ServerTest, ExitWithoutShutdownIsAFailure) {
  start();
  EXPECT_EQ(server_->hang_up_status(), 1);
  notify("exit", nullptr);
  EXPECT_EQ(server_->exit_status(), 1);
}

}  // namespace
}  // namespace blindbox::lsp
