"""The whole way of a wallet: made, backed up, signed in, paid, paying, confirmed, restored elsewhere.

Nothing secret leaves the browser on it.
"""

import json
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from protocol.crypto import address, public_key, sha3_256
from protocol.mnemonic import generate_words
from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.browser.wallet import PASSPHRASE, Recorder, find_leaks, make_wallet

BOB = address(public_key(sha3_256(b"bob, who is paid")))

# Everything that pages of the site keep in a browser, as one text; bytes as hexadecimal digits.
STORED = """async () => {
    const digits = (byte) => byte.toString(16).padStart(2, "0");
    const hex = (bytes) => Array.from(new Uint8Array(bytes), digits).join("");
    const plain = (_, value) => value instanceof ArrayBuffer ? hex(value)
        : ArrayBuffer.isView(value) ? hex(value.buffer)
        : value instanceof CryptoKey ? `a key, extractable: ${value.extractable}` : value;
    const found = [{ ...localStorage }, { ...sessionStorage }, document.cookie];
    for (const { name } of await indexedDB.databases()) {
        const database = await new Promise((resolve) => {
            indexedDB.open(name).onsuccess = (event) => resolve(event.target.result);
        });
        for (const table of database.objectStoreNames) {
            const rows = await new Promise((resolve) => {
                const request = database.transaction(table).objectStore(table).getAll();
                request.onsuccess = () => resolve(request.result);
            });
            found.push([table, rows]);
        }
        database.close();
    }
    return JSON.stringify(found, plain);
}"""


def create(page: Page) -> tuple[str, ...]:
    """Make a wallet as a person does; the words that were on the paper."""
    page.get_by_role("link", name="Make a wallet").click()
    expect(page.locator("[data-words] li")).to_have_count(24)
    words = tuple(text.strip() for text in page.locator("[data-words] li").all_inner_texts())
    page.get_by_role("button", name="I wrote them down").click()
    asked = page.locator("[data-place]")
    expect(asked).to_have_count(4)
    for field in asked.all():
        field.fill(words[int(field.get_attribute("data-place") or 0)])
    page.get_by_role("button", name="Check", exact=True).click()
    page.locator("#new-passphrase").fill(PASSPHRASE)
    page.locator("#new-passphrase-again").fill(PASSPHRASE)
    page.get_by_role("button", name="Seal the wallet").click()
    expect(page.get_by_role("heading", name="Your wallet is ready")).to_be_visible()
    return words


def save_keystore(page: Page, folder: Path) -> Path:
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save a keystore file too").click()
    path = folder / "keystore.json"
    saved.value.save_as(path)
    return path


def sign_in(page: Page, site: Site) -> None:
    page.get_by_role("button", name="Sign in as this account").click()
    box = page.get_by_role("dialog")
    expect(box).to_contain_text(f"{site.url.removeprefix('http://')} wants you to sign in")
    box.get_by_role("button", name="Sign this message").click()
    expect(page.locator("[data-sign-in-words]")).to_contain_text("Signed in as")


def send(page: Page, amount: str) -> None:
    page.get_by_role("link", name="Send", exact=True).first.click()
    page.get_by_label("To", exact=True).fill(BOB)
    page.get_by_label("Amount", exact=True).fill(amount)
    page.get_by_role("button", name="Review").click()
    box = page.get_by_role("dialog")
    expect(box).to_contain_text(f"You send {amount}CAI to {BOB}")
    box.get_by_role("button", name="Sign and send").click()
    expect(page.locator(".sent-row")).to_contain_text("pending")


def read_stored(context: BrowserContext, site: Site) -> str:
    page = context.new_page()
    page.goto(f"{site.url}/blocks/")
    stored: str = page.evaluate(STORED)
    page.close()
    return stored


def test_the_whole_way_and_nothing_secret_leaves_the_browser(
    site: Site, open_page: OpenPage, tmp_path: Path
) -> None:
    recorder = Recorder()
    page = open_page("/blocks/")
    recorder.listen(page.context)
    page.goto(f"{site.url}/wallet/")
    words = create(page)
    keystore = save_keystore(page, tmp_path)
    page.get_by_role("link", name="To the wallet").click()
    sign_in(page, site)

    with page.expect_response("**/api/v1/faucet") as answer:
        page.get_by_role("button", name="Get test coins").click()
    assert answer.value.status == 202
    expect(page.locator("[data-waiting-rows] tr")).to_contain_text("coming in")
    site.tell("connect")
    expect(page.locator("[data-total]")).to_have_text("10CAI")
    page.reload()  # another page of an open wallet asks for no passphrase
    expect(page.locator("[data-lock-state]")).to_have_text("unlocked")

    send(page, "2.5")
    block = site.tell("connect")
    row = page.locator(".sent-row")
    expect(row).to_contain_text(f"in block {block['height']}")
    expect(row).to_contain_text("1 confirmation")
    site.tell("connect")
    expect(row).to_contain_text("2 confirmations")

    other = open_page("/blocks/")
    recorder.listen(other.context)
    restore(other, site, words)
    expect(other.locator("[data-history-rows] tr").first).to_contain_text("sent to")
    expect(other.locator("[data-account]")).to_have_value(page.locator("[data-account]").input_value())

    sent = recorder.read()
    txid = row.get_attribute("data-txid") or "-"
    assert any("POST" in text and BOB in text for text in sent)  # the ear hears bodies
    assert any(txid in text for text in sent)
    assert any("subscribe" in text for text in sent)  # and frames
    assert find_leaks(sent, words) == []
    kept = [read_stored(page.context, site), read_stored(other.context, site), keystore.read_text()]
    assert '"ciphertext"' in kept[0]
    assert "a key, extractable: false" in kept[0]
    assert find_leaks(kept, words) == []


def restore(page: Page, site: Site, words: tuple[str, ...]) -> None:
    """Type the words in another browser."""
    page.goto(f"{site.url}/wallet/restore/")
    expect(page.locator("[data-words] input")).to_have_count(24)
    for field, word in zip(page.locator("[data-words] input").all(), words, strict=True):
        field.fill(word)
    expect(page.locator("[data-words-right]")).to_be_visible()
    page.locator("#new-passphrase").fill(PASSPHRASE)
    page.locator("#new-passphrase-again").fill(PASSPHRASE)
    page.get_by_role("button", name="Restore and seal").click()
    page.get_by_role("link", name="To the wallet").click()


def test_the_ear_would_hear_a_secret(site: Site, open_page: OpenPage) -> None:
    page = open_page("/wallet/create/", may_complain=True)
    recorder = Recorder()
    recorder.listen(page.context)
    words = generate_words()
    make_wallet(page, words)
    assert find_leaks(recorder.read(), words) == []
    send = "([path, body]) => fetch(path, body ? { method: 'POST', body } : {}).then(() => {})"
    for body in (" ".join(words[3:6]), json.dumps({"p": PASSPHRASE}), json.dumps(words[20:])):
        recorder.requests.clear()
        page.evaluate(send, ["/api/v1/transactions", body])
        assert len(find_leaks(recorder.read(), words)) == 1
    recorder.requests.clear()
    page.evaluate(send, [f"/api/v1/status?x={'+'.join(words)}", ""])
    assert len(find_leaks(recorder.read(), words)) == 1
    assert len(find_leaks([page.evaluate(STORED) + " ".join(words)], words)) == 1
