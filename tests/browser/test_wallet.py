"""The wallet in daily use: locked and unlocked, in several tabs, restored, and told what is wrong."""

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from protocol.crypto import address, public_key, sha3_256
from protocol.mnemonic import derive_account, generate_words, seed_of
from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.browser.wallet import PASSPHRASE, fund, make_wallet

BOB = address(public_key(sha3_256(b"bob in a wallet")))
CAROL = address(public_key(sha3_256(b"carol in a wallet")))


def open_wallet(
    open_page: OpenPage, site: Site, *, coins: int = 0, path: str = "/wallet/"
) -> tuple[Page, str]:
    """A page of a browser with a fresh wallet that has so many coins."""
    page = open_page("/wallet/create/")
    made = make_wallet(page)
    if coins:
        fund(site, made, coins)
        site.tell("connect")
    page.goto(site.url + path)
    expect(page.locator("[data-account]")).to_have_value(made)
    return page, made


def unlock(page: Page, passphrase: str = PASSPHRASE) -> None:
    page.get_by_label("Passphrase of this wallet").locator("visible=true").fill(passphrase)
    page.get_by_role("button", name="Unlock", exact=True).last.click()


def test_it_locks_in_every_tab_and_opens_with_the_passphrase_alone(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site)
    other = page.context.new_page()
    other.goto(f"{site.url}/wallet/send/")
    expect(other.locator("[data-lock-state]")).to_have_text("unlocked")
    page.get_by_role("button", name="Lock", exact=True).click()
    expect(other.get_by_role("heading", name="The wallet is locked")).to_be_visible()
    expect(other.locator("[data-wallet-address]")).to_be_empty()

    unlock(page, "something else")
    expect(page.get_by_text("The passphrase does not open this wallet.")).to_be_visible()
    unlock(page)
    expect(page.locator("[data-lock-state]")).to_have_text("unlocked")
    expect(other.locator("[data-lock-state]")).to_have_text("unlocked")
    expect(other.locator("[data-wallet-address]")).to_have_text(re.compile("^cai1"))


def test_it_locks_itself_when_nobody_is_there(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site)
    page.clock.install()
    page.reload()
    expect(page.locator("[data-lock-state]")).to_have_text("unlocked")
    page.clock.fast_forward("14:00")
    expect(page.locator("[data-lock-state]")).to_have_text("unlocked")
    page.clock.fast_forward("01:10")
    expect(page.get_by_role("heading", name="The wallet is locked")).to_be_visible()
    page.reload()  # the sealed session is gone as well
    expect(page.get_by_role("heading", name="The wallet is locked")).to_be_visible()


def test_it_asks_on_every_page_when_it_is_told_to(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site, path="/wallet/settings/")
    page.get_by_label("When nobody touched it for").select_option("any page change")
    page.wait_for_function(
        """async () => {
            const store = await import("/static/js/wallet/store.js");
            return (await store.get("session", "session")) === undefined;
        }"""
    )
    page.reload()
    expect(page.get_by_role("heading", name="The wallet is locked")).to_be_visible()


def test_a_locked_wallet_can_be_looked_at_and_asks_before_it_signs(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site, coins=5, path=f"/wallet/send/?to={BOB}&amount=1")
    page.get_by_role("button", name="Lock", exact=True).click()
    page.get_by_role("button", name="look without unlocking").click()
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Sign and send").click()
    unlock(page)
    expect(page.locator(".sent-row")).to_contain_text("pending")


def test_it_names_the_word_that_is_wrong(site: Site, open_page: OpenPage) -> None:
    words = generate_words()
    page = open_page("/wallet/restore/")
    fields = page.locator("[data-words] input")
    expect(fields).to_have_count(24)
    page.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            const event = new ClipboardEvent("paste", { clipboardData: data, cancelable: true });
            document.querySelector("[data-words] input").dispatchEvent(event);
        }""",
        " ".join(words),
    )
    expect(page.locator("[data-words-right]")).to_contain_text("The 24 words are right")
    problem = page.locator("[data-words-problem]")
    fields.nth(6).fill("abandn")
    fields.nth(7).focus()
    expect(problem).to_contain_text("Word 7, “abandn”, is not in the list")
    expect(problem).to_contain_text("Did you mean abandon?")
    expect(fields.nth(6)).to_have_attribute("aria-invalid", "true")
    fields.nth(6).fill("zebr")
    fields.nth(6).press("Space")
    expect(fields.nth(6)).to_have_value("zebra")
    expect(fields.nth(7)).to_be_focused()
    fields.nth(6).fill("")
    page.locator("#new-passphrase").fill(PASSPHRASE)
    page.locator("#new-passphrase-again").fill(PASSPHRASE)
    page.get_by_role("button", name="Restore and seal").click()
    expect(problem).to_contain_text("Word 7 is missing.")


def test_it_finds_the_accounts_that_were_used(site: Site, open_page: OpenPage) -> None:
    words = generate_words()
    second = derive_account(seed_of(words), 1).address
    fund(site, second, 3)
    site.tell("connect")
    page = open_page("/wallet/restore/")
    expect(page.locator("[data-words] input")).to_have_count(24)
    for field, word in zip(page.locator("[data-words] input").all(), words, strict=True):
        field.fill(word)
    page.locator("#new-passphrase").fill(PASSPHRASE)
    page.locator("#new-passphrase-again").fill("something else")
    page.get_by_role("button", name="Restore and seal").click()
    expect(page.get_by_text("The two are not the same.")).to_be_visible()
    page.locator("#new-passphrase-again").fill(PASSPHRASE)
    page.get_by_role("button", name="Restore and seal").click()
    expect(page.locator("[data-restored]")).to_have_text("2 accounts were found: Account 1, Account 2.")
    page.get_by_role("link", name="To the wallet").click()
    page.locator("[data-account]").select_option(second)
    expect(page.locator("[data-total]")).to_have_text("3CAI")


def test_a_keystore_file_restores_everything(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    page, made = open_wallet(open_page, site, path="/wallet/settings/")
    secret = sha3_256(b"an imported key of a test")
    page.get_by_label("Secret key, 64").fill(secret.hex())
    page.locator("#import-passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("[data-accounts] li")).to_have_count(2)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the file").click()
    path = tmp_path / "keystore.json"
    saved.value.save_as(path)
    assert secret.hex() not in path.read_text()

    other = open_page("/wallet/restore/")
    other.get_by_role("tab", name="Keystore file").click()
    other.locator("#keystore").set_input_files(path)
    expect(other.locator("[data-file-words]")).to_contain_text("It names Account 1, Imported key")
    other.get_by_label("Passphrase of the file").fill(PASSPHRASE)
    other.get_by_role("button", name="Restore", exact=True).click()
    other.get_by_role("link", name="To the wallet").click()
    expect(other.locator("[data-account] option")).to_have_count(2)
    values = other.locator("[data-account] option").evaluate_all("(all) => all.map((one) => one.value)")
    assert values == [made, address(public_key(secret))]


def test_a_file_that_is_no_keystore_is_refused(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/wallet/restore/")
    page.get_by_role("tab", name="Keystore file").click()
    for content, words in (("hello", "it is not JSON"), (json.dumps({"format": "x"}), "keystore")):
        path = tmp_path / "file.json"
        path.write_text(content)
        page.locator("#keystore").set_input_files(path)
        expect(page.locator("[data-file-problem]")).to_contain_text(words)


def test_it_pays_many_from_pasted_lines(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site, coins=9, path="/wallet/send/")
    page.get_by_role("button", name="Paste a list").click()
    lines = page.get_by_label("One recipient a line")
    lines.fill(f"address,amount\n{BOB},1.5\n{CAROL};two\n")
    page.get_by_role("button", name="Take over").click()
    expect(page.locator("[data-paste-problem]")).to_contain_text("Line 3: “two” is no amount")
    lines.fill(f"address,amount\n{BOB},1.5\n{CAROL};2\n")
    page.get_by_role("button", name="Take over").click()
    expect(page.locator(".recipient")).to_have_count(2)
    page.locator(".recipient").last.get_by_role("button", name="all").click()
    page.get_by_role("button", name="Review").click()
    box = page.get_by_role("dialog")
    expect(box).to_contain_text("Together with the fee 9CAI leave this account.")
    box.get_by_role("button", name="Sign and send").click()
    expect(page.locator(".sent-row")).to_contain_text("and 1 more")


def test_it_says_what_is_wrong_before_anything_is_signed(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site, coins=2, path="/wallet/send/")
    page.get_by_label("To", exact=True).fill(BOB.upper().replace("CAI1", "cai1"))
    page.get_by_role("button", name="Review").click()
    expect(page.locator(".recipient .problem").first).not_to_be_empty()
    page.get_by_label("To", exact=True).fill(BOB)
    page.get_by_label("Amount", exact=True).fill("0.000000001")
    expect(page.get_by_text("CAI have at most 8 decimals.")).to_be_visible()
    page.get_by_label("Amount", exact=True).fill("3")
    expect(page.locator("[data-send-problem]")).to_contain_text("more than this account can spend")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_cannot_be_sent_is_kept_and_says_why(site: Site, open_page: OpenPage) -> None:
    page = open_page("/wallet/create/", may_complain=True)
    fund(site, make_wallet(page), 2)
    site.tell("connect")
    page.goto(f"{site.url}/wallet/send/?to={BOB}&amount=1")
    page.get_by_role("button", name="Review").click()
    box = page.get_by_role("dialog")
    page.context.set_offline(True)
    box.get_by_role("button", name="Sign and send").click()
    expect(box.locator(".problem")).to_contain_text("The site does not answer.")
    page.context.set_offline(False)
    box.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Amount", exact=True)).to_have_value("1")


def test_a_watched_address_shows_and_does_not_sign(site: Site, open_page: OpenPage) -> None:
    page = open_page("/wallet/")
    page.get_by_role("textbox", name="Address", exact=True).fill(site.cast["miner"])
    page.get_by_role("button", name="Watch it").click()
    expect(page.locator("[data-lock-state]")).to_have_text("only watching")
    expect(page.locator("[data-ripens]")).to_contain_text("ripen with block")
    page.goto(f"{site.url}/wallet/send/?to={BOB}&amount=1")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("dialog")).to_contain_text("only watches")


def test_a_worker_key_is_signed_and_taken_back(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site, path="/wallet/workers/")
    worker = public_key(sha3_256(b"a worker of a test")).hex()
    page.get_by_label("Public key of the worker").fill(worker)
    page.get_by_label("Name").fill("desk")
    page.get_by_role("button", name="Sign").click()
    row = page.locator(f'[data-worker="{worker}"]')
    expect(row).to_contain_text("may mine")
    row.get_by_role("button", name="Take back").click()
    page.get_by_role("button", name="Sign and take back").click()
    expect(row).to_contain_text("taken back")


def test_the_history_is_filtered_and_exported(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    page, made = open_wallet(open_page, site, coins=7, path="/wallet/history/")
    rows = page.locator("[data-rows] tr")
    expect(rows).to_have_count(1)
    page.get_by_label("Show").select_option("sent")
    expect(page.locator("[data-empty]")).to_contain_text("No transaction passes these filters.")
    page.get_by_label("Show").select_option("received")
    expect(rows).to_have_count(1)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export as CSV").click()
    head, line, *rest = Path(saved.value.path()).read_text().splitlines()
    assert head.startswith("time,block,kind,role,change_cai,fee_cai")
    assert ",transfer,received,7,0,cai1" in line
    assert rest == []
    assert made


def test_contacts_stand_in_for_addresses(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site, path="/wallet/contacts/")
    page.get_by_label("Name").fill("Bob")
    page.get_by_role("textbox", name="Address", exact=True).fill(BOB)
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("[data-rows] .row")).to_have_count(1)
    page.goto(f"{site.url}/wallet/send/")
    page.get_by_label("To", exact=True).fill("bob")
    page.get_by_label("Amount", exact=True).fill("1")
    expect(page.locator(".recipient .problem").first).to_be_empty()


def test_a_wallet_is_forgotten_only_by_its_word(site: Site, open_page: OpenPage) -> None:
    page, _ = open_wallet(open_page, site, path="/wallet/settings/")
    page.get_by_label(re.compile("^Type forget")).fill("yes")
    page.get_by_role("button", name="Forget the wallet").click()
    expect(page.locator("#forget-problem")).to_contain_text("Type the word forget")
    page.get_by_label(re.compile("^Type forget")).fill("forget")
    page.get_by_role("button", name="Forget the wallet").click()
    page.wait_for_url("**/wallet/")  # this page, too, offers to make a wallet before it is left
    expect(page.get_by_role("heading", name="Make a wallet")).to_be_visible()
    stored = page.evaluate("import('/static/js/wallet/store.js').then((store) => store.all('keystore'))")
    assert stored == []


def test_a_page_without_https_says_so_and_still_works(site: Site, open_page: OpenPage) -> None:
    page = open_page("/blocks/")
    page.add_init_script("Object.defineProperty(crypto, 'subtle', { value: undefined })")
    page.goto(f"{site.url}/wallet/create/")
    expect(page.get_by_text("This page did not come over https.")).to_be_visible()
    make_wallet(page)
    page.goto(f"{site.url}/wallet/")
    expect(page.get_by_role("heading", name="The wallet is locked")).to_be_visible()
    unlock(page)
    expect(page.locator("[data-lock-state]")).to_have_text("unlocked")


def test_it_explains_itself_without_script(site: Site, open_page: OpenPage) -> None:
    page = open_page("/wallet/send/", java_script_enabled=False)
    expect(page.get_by_role("heading", name="The wallet needs JavaScript")).to_be_visible()
    page.get_by_role("textbox", name="Address", exact=True).fill(site.cast["miner"])
    page.get_by_role("button", name="Look up").click()
    expect(page).to_have_url(re.compile("miner|cai1"))
