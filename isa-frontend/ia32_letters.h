/* SPDX-License-Identifier: MIT */
/* The attribute letters of ia32.def, to be summed there. Too short for any other file: only the two
 * that include the table take them, each where it does. */
enum {
    BY = AT_BY,
    LK = AT_LK,
    CT = AT_CT,
    ST = AT_ST,
    P0 = AT_P0,
    PI = AT_PI,
    PM = AT_PM,
    XDE = AT_XDE,
    XBR = AT_XBR,
    XOF = AT_XOF,
    XBP = AT_XBP,
    XDB = AT_XDB,
    XUD = AT_XUD,
    XNM = AT_XNM,
    XGP = AT_XGP,
    RM = AT_RM,
    XMF = AT_XMF,
    XXM = AT_XXM,
    UA = AT_UA,
    FL = AT_FL,
    PAIR = AT_PAIR,
    CTL = AT_CTL
};
