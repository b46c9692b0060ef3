/** Every sentence that a person reads, in Korean and English. Nothing is written for a person anywhere else. */

import type { ProblemCode } from "./problems.js";

export type Language = "ko" | "en";

/** What happened, and what to do about it. */
export interface Sentence {
  said: string;
  todo: string;
}

type Problems = Record<ProblemCode, Sentence>;

const KO: Problems = {
  server_unreachable: { said: "상담 서버에 연결할 수 없습니다.", todo: "인터넷 연결을 확인하고 ‘연결하기’를 다시 눌러 주세요." },
  server_restarting: { said: "서버와의 연결이 끊어졌습니다.", todo: "통화를 이어 가도록 다시 연결하고 있습니다. 잠시만 기다려 주세요." },
  server_busy: { said: "지금 상담이 몰려 있습니다.", todo: "잠시 후 다시 연결해 주세요." },
  network_offline: { said: "인터넷 연결이 끊겼습니다.", todo: "Wi-Fi나 데이터를 확인해 주세요. 연결되면 통화가 이어집니다." },
  key_needed: { said: "이 서버에는 접속 키가 필요합니다.", todo: "‘설정’에 접속 키를 입력한 뒤 다시 연결해 주세요." },
  key_refused: { said: "접속 키가 올바르지 않거나 만료되었습니다.", todo: "키를 확인하거나 페이지를 새로 고친 뒤 다시 연결해 주세요." },
  origin_refused: { said: "이 사이트에서는 상담을 열 수 없습니다.", todo: "서버의 allowed_origins 설정에 이 주소를 추가하도록 운영자에게 알려 주세요." },
  model_unknown: { said: "요청한 음성 모델이 이 서버에 없습니다.", todo: "다른 모델을 고르거나 운영자에게 알려 주세요." },
  budget_spent: { said: "준비된 사용 한도를 모두 썼습니다.", todo: "고객센터에 문의하시거나 나중에 다시 시도해 주세요." },
  call_gone: { said: "이전 통화를 이어 갈 수 없습니다.", todo: "지금까지의 대화를 가지고 새 통화를 시작합니다." },
  call_elsewhere: { said: "이 통화가 다른 창에서 이어지고 있습니다.", todo: "여기서 계속하려면 다시 연결해 주세요." },
  call_too_long: { said: "통화가 최대 시간에 도달해 끝났습니다.", todo: "더 도와드릴 일이 있으면 다시 연결해 주세요." },
  call_ended: { said: "상담 서버가 통화를 마쳤습니다.", todo: "더 도와드릴 일이 있으면 다시 연결해 주세요." },
  secret_failed: { said: "통화 준비에 실패했습니다.", todo: "잠시 후 다시 시도하고, 계속되면 운영자에게 알려 주세요." },
  not_connected: { said: "아직 연결되지 않았습니다.", todo: "먼저 ‘연결하기’를 눌러 주세요." },
  mic_insecure: { said: "이 주소에서는 브라우저가 마이크를 막습니다.", todo: "https:// 주소나 localhost로 열어 주세요. 글로는 지금도 대화할 수 있습니다." },
  mic_denied: { said: "마이크 사용이 허용되지 않았습니다.", todo: "주소창의 자물쇠(또는 마이크) 표시를 눌러 마이크를 허용한 뒤 다시 시작해 주세요." },
  mic_missing: { said: "마이크를 찾을 수 없습니다.", todo: "마이크나 헤드셋을 연결한 뒤 다시 시작해 주세요. 글로도 대화할 수 있습니다." },
  mic_busy: { said: "마이크를 다른 프로그램이 쓰고 있습니다.", todo: "화상회의 등 마이크를 쓰는 프로그램을 닫고 다시 시작해 주세요." },
  mic_unplugged: { said: "마이크 연결이 빠졌습니다.", todo: "마이크를 다시 연결하고 ‘마이크 시작’을 눌러 주세요. 통화는 이어지고 있습니다." },
  mic_muted: { said: "마이크가 음소거되어 있습니다.", todo: "헤드셋이나 컴퓨터의 음소거를 풀어 주세요." },
  mic_failed: { said: "마이크를 시작하지 못했습니다.", todo: "페이지를 새로 고친 뒤 다시 시도해 주세요." },
  audio_blocked: { said: "브라우저가 소리를 막고 있습니다.", todo: "화면을 한 번 누르면 소리가 납니다." },
  answer_failed: { said: "이번 답변을 만들지 못했습니다.", todo: "다시 한 번 말씀해 주세요." },
  server_said: { said: "요청을 처리하지 못했습니다.", todo: "다시 한 번 시도해 주세요." },
};

const EN: Problems = {
  server_unreachable: { said: "The service can't be reached.", todo: "Check your internet connection and press Connect again." },
  server_restarting: { said: "The connection to the service was lost.", todo: "Reconnecting to carry on with your call. Please wait a moment." },
  server_busy: { said: "All lines are busy right now.", todo: "Please connect again in a little while." },
  network_offline: { said: "You are offline.", todo: "Check your Wi-Fi or mobile data. Your call carries on when you are back." },
  key_needed: { said: "This server needs an access key.", todo: "Enter the key under Settings, then connect again." },
  key_refused: { said: "The access key is wrong or has expired.", todo: "Check the key, or reload the page, then connect again." },
  origin_refused: { said: "Calls can't be opened from this site.", todo: "Ask the operator to add this address to allowed_origins on the server." },
  model_unknown: { said: "This server does not have the voice model that was asked for.", todo: "Choose another model, or tell the operator." },
  budget_spent: { said: "The budget for this service is used up.", todo: "Contact customer service, or try again later." },
  call_gone: { said: "The earlier call can't be resumed.", todo: "A new call begins with what was said so far." },
  call_elsewhere: { said: "This call continues in another window.", todo: "Connect again to carry on here." },
  call_too_long: { said: "The call reached its longest duration and ended.", todo: "Connect again if there is more we can do." },
  call_ended: { said: "The service ended the call.", todo: "Connect again if there is more we can do." },
  secret_failed: { said: "The call could not be prepared.", todo: "Try again in a moment; if it stays, tell the operator." },
  not_connected: { said: "You are not connected yet.", todo: "Press Connect first." },
  mic_insecure: { said: "The browser blocks the microphone at this address.", todo: "Open the page by https:// or on localhost. You can still type." },
  mic_denied: { said: "The microphone is not allowed.", todo: "Press the lock (or microphone) beside the address, allow the microphone, and start it again." },
  mic_missing: { said: "No microphone was found.", todo: "Plug in a microphone or headset and start it again. You can also type." },
  mic_busy: { said: "Another program is using the microphone.", todo: "Close it (a video call, perhaps) and start the microphone again." },
  mic_unplugged: { said: "The microphone was unplugged.", todo: "Plug it in and press Start mic. Your call goes on." },
  mic_muted: { said: "The microphone is muted.", todo: "Unmute it on your headset or computer." },
  mic_failed: { said: "The microphone could not be started.", todo: "Reload the page and try again." },
  audio_blocked: { said: "The browser is holding back the sound.", todo: "Press anywhere on the page to hear it." },
  answer_failed: { said: "This answer could not be made.", todo: "Please say that again." },
  server_said: { said: "That request could not be carried out.", todo: "Please try again." },
};

export const PROBLEMS: Record<Language, Problems> = { ko: KO, en: EN };

/** The language of a page or browser: Korean when it says so, else English. */
export function languageOf(tag: string | null | undefined): Language {
  return tag?.toLowerCase().startsWith("ko") ? "ko" : "en";
}
